"""`{ $.status >= 400 && $.path = "/api*" }`: conditions on the members of messages that are JSON objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ecs_emulator.logs.pattern_terms import COMPARISONS, Bad, Refused, Regexes, number, text_test, unescaped

Test = Callable[[Any], bool]
Step = str | int
WILDCARD = "*"

_MAX_WILDCARDS = 3
_MAX_DEPTH = 64
_TOO_MANY_IN_ONE = (
    "Your filter pattern has a JSON path selector that exceeds the maximum of 1 wildcard allowed per json selector."
)
_TOO_MANY = "Your input has exceeded the maximum of 3 JSON wildcard selectors allowed per filter pattern."

_BLANKS = re.compile(r"\s*")
_LOGIC = re.compile(r"&&|\|\||[()]")
_STEP = re.compile(r"""\.?\[\s*(?:'([^']*)'|"([^"]*)"|(\d+)|(\*))\s*\]|\.(\*)|\.([\w-]+)""")
_STATE = re.compile(r"(IS\s+(?:NULL|TRUE|FALSE)|NOT\s+EXISTS)(?=[\s})&|]|$)")
_NOT_NULL = re.compile(r"IS\s+NOT\b")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"%=!<>&|(){}]+)')


class _Number(NamedTuple):
    """A number of a message together with how it is written there: `1.0` equals 1, but is not the text "1"."""

    text: str

    @property
    def value(self) -> float:
        return float(self.text)


class _Path(NamedTuple):
    """Member names and array indexes from the root; `wild` is the place of the one wildcard."""

    steps: tuple[Step, ...]
    wild: int | None


_decode = json.JSONDecoder(parse_int=_Number, parse_float=_Number).decode


def compiled(pattern: str) -> Callable[[str], bool]:
    """The test of a message that this pattern means. Raises Refused where it means none."""
    if not pattern.endswith("}"):
        raise Refused()
    test = _Reader(pattern[1:-1]).whole()

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            document = _decode(message)
        except (ValueError, RecursionError):
            return False
        return test(document)

    return matches


class _Reader:
    """Reads one pattern from left to right, `||` of `&&` of conditions. Lives while a pattern is compiled."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._regexes = Regexes()
        self._wildcards = 0
        self._depth = 0

    def whole(self) -> Test:
        test = self._either()
        rest = self._rest().strip()
        if rest:
            raise Bad(":") if rest.startswith(":") else Refused()
        return test

    def _rest(self) -> str:
        return self._text[self._place :]

    def _take(self, expected: re.Pattern[str]) -> re.Match[str] | None:
        blanks = _BLANKS.match(self._text, self._place)
        self._place = blanks.end() if blanks else self._place
        found = expected.match(self._text, self._place)
        if found is not None:
            self._place = found.end()
        return found

    def _took(self, sign: str) -> bool:
        before = self._place
        found = self._take(_LOGIC)
        if found is not None and found[0] == sign:
            return True
        self._place = before
        return False

    def _either(self) -> Test:
        tests = [self._every()]
        while self._took("||"):
            tests.append(self._every())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _every(self) -> Test:
        tests = [self._condition()]
        while self._took("&&"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _condition(self) -> Test:
        if self._took("("):
            return self._parenthesized()
        path = self._path()
        if state := self._take(_STATE):
            return _of_state(" ".join(state[0].split()), path)
        operator = self._take(_OPERATOR)
        value = self._take(_VALUE) if operator else None
        if operator is None and self._take(_NOT_NULL):
            raise Refused(in_metric_filter="Invalid character(s) in term 'NOT'")
        if operator is None or value is None:
            raise Refused()
        holds = _comparison(operator[0], value, self._regexes)
        return lambda document: any(holds(found) for found in _at(document, path))

    def _parenthesized(self) -> Test:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Refused()
        inner = self._either()
        if not self._took(")"):
            raise Refused()
        self._depth -= 1
        return inner

    def _path(self) -> _Path:
        if not self._take(re.compile(r"\$")):
            raise self._no_path()
        steps: list[Step] = []
        wild: list[int] = []
        while found := _STEP.match(self._text, self._place):
            self._place = found.end()
            name, other_name, index, star, dotted_star, dotted = found.groups()
            if star or dotted_star:
                wild.append(len(steps))
                steps.append(WILDCARD)
            else:
                quoted = name if name is not None else other_name
                steps.append(int(index) if index is not None else quoted if quoted is not None else dotted)
        if strange := re.match(r"\.\.|\.?\[(?:\d+:|-)?", self._rest()):
            raise Bad(("$" if not steps else "") + strange[0])
        if not steps:
            raise Refused()
        if len(wild) > 1:
            raise Refused(_TOO_MANY_IN_ONE)
        self._wildcards += len(wild)
        if self._wildcards > _MAX_WILDCARDS:
            raise Refused(_TOO_MANY)
        return _Path(tuple(steps), wild[0] if wild else None)

    def _no_path(self) -> Refused:
        """`!(…)` and `"v": 1` are named; anything else is just no pattern."""
        rest = self._rest()
        if rest.startswith("!"):
            return Bad(rest[:2])
        if re.match(r'"[^"]*"\s*:', rest):
            return Bad(":")
        return Refused()


def _at(document: Any, path: _Path) -> Iterator[Any]:
    """What stands at the path: nothing, one value, or with a wildcard any number."""
    before = path.steps if path.wild is None else path.steps[: path.wild]
    found, value = _descend(document, before)
    if not found:
        return
    if path.wild is None:
        yield value
        return
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inside:
        found, value = _descend(item, path.steps[path.wild + 1 :])
        if found:
            yield value


def _descend(value: Any, steps: tuple[Step, ...]) -> tuple[bool, Any]:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return False, None
            value = value[step]
        else:
            if not isinstance(value, dict) or step not in value:
                return False, None
            value = value[step]
    return True, value


def _of_state(state: str, path: _Path) -> Test:
    if state == "NOT EXISTS":
        return lambda document: not any(True for _ in _at(document, path))
    if state == "IS NULL":
        return lambda document: any(
            value is None or (isinstance(value, list) and any(item is None for item in value))
            for value in _at(document, path)
        )
    wanted = state == "IS TRUE"
    return lambda document: any(value is wanted for value in _at(document, path))


def _comparison(operator: str, value: re.Match[str], regexes: Regexes) -> Test:
    """The test of one value. Only texts and numbers are ever compared: not null, booleans, arrays, objects."""
    quoted, regex, word = value.groups()
    if operator in COMPARISONS:
        return _order(operator, value[0], word)
    equal: Test
    if regex is not None:
        search = regexes.compiled(regex).search
        equal = lambda found: search(_text(found)) is not None  # noqa: E731
    elif quoted is not None:
        equal = _same_text(unescaped(quoted))
    elif word == "null":
        raise Refused()
    elif (wanted := number(word)) is not None:
        equal = lambda found: found.value == wanted if isinstance(found, _Number) else found == word  # noqa: E731
    else:
        equal = _same_text(word)
    if operator == "=":
        return lambda found: isinstance(found, str | _Number) and equal(found)
    return lambda found: isinstance(found, str | _Number) and not equal(found)


def _order(operator: str, written: str, word: str | None) -> Test:
    limit = number(word) if word is not None else None
    if limit is None:
        raise Bad(written)
    compare = COMPARISONS[operator]
    return lambda found: isinstance(found, _Number) and compare(found.value, limit)


def _same_text(wanted: str) -> Test:
    same = text_test(wanted)
    return lambda found: same(_text(found))


def _text(found: str | _Number) -> str:
    return found.text if isinstance(found, _Number) else found
