"""The cluster query language: one line of text becomes one question that any container instance can answer.

An expression is read once into closures and cached, for placement asks the same question of every instance:

    expr       := and ( ("or" | "||") and )*
    and        := not ( ("and" | "&&") not )*
    not        := ("not" | "!") not | "(" expr ")" | comparison
    comparison := subject "exists" | subject "in" "[" arg, … "]" | subject operator arg

Negative operators (`!=`, `!in`, `!~`, `!exists`) are the plain contrary of the positive ones, so an instance that lacks
an attribute satisfies them. Source: "Create expressions to define container instances" in the ECS developer guide.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Subject:
    """What an expression may ask about one container instance."""

    attributes: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    agent_connected: bool = True
    agent_version: str = ""
    ec2_instance_id: str = ""
    registered_at: float = 0.0
    running_tasks_count: int = 0
    groups: Collection[str] = ()


Predicate = Callable[[Subject], bool]
Values = Callable[[Subject], Sequence[str]]  # the texts a subject has: none when absent, several for task:group
Test = Callable[[str], bool]  # does one such text satisfy the positive form of the operator?


class NotAnExpression(Exception):
    """Says where the text stops being an expression; callers put it into the words of their own operation."""


DEEPEST = 50  # nested "not" and "(": nobody writes more, and a thousand of them must not exhaust the stack

# Longest spelling first: the first that fits is taken. The flag says whether the operator is the contrary of its test.
OPERATORS: tuple[tuple[str, str, bool], ...] = (
    ("not_equals", "==", True),
    ("not_exists", "exists", True),
    ("not_matches", "=~", True),
    ("not_in", "in", True),
    ("greater_than_equal", ">=", False),
    ("greater_than", ">", False),
    ("less_than_equal", "<=", False),
    ("less_than", "<", False),
    ("equals", "==", False),
    ("matches", "=~", False),
    ("exists", "exists", False),
    ("in", "in", False),
    ("!exists", "exists", True),
    ("!in", "in", True),
    ("!=", "==", True),
    ("!~", "=~", True),
    ("==", "==", False),
    ("=~", "=~", False),
    (">=", ">=", False),
    ("<=", "<=", False),
    (">", ">", False),
    ("<", "<", False),
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
ORDERINGS = (">", ">=", "<", "<=")
SAME_OR_LIKE = ("==", "in", "=~")
SAME_OR_ORDERED = ("==", *ORDERINGS)

# subject -> the positive operators it knows
SUBJECTS: dict[str, tuple[str, ...]] = {
    "agentConnected": SAME_OR_LIKE,
    "agentVersion": SAME_OR_ORDERED,
    "ec2InstanceId": SAME_OR_LIKE,
    "registeredAt": SAME_OR_ORDERED,
    "runningTasksCount": SAME_OR_ORDERED,
    "task:group": (*SAME_OR_LIKE, "exists"),
}
OF_ATTRIBUTES = (*SAME_OR_LIKE, *ORDERINGS, "exists")

_BLANKS = re.compile(r"\s*")
_SUBJECT = re.compile(r"attribute:[\w./\\-]+|" + "|".join(map(re.escape, SUBJECTS)), re.ASCII)
_GOES_ON = re.compile(r"[\w.:/-]", re.ASCII)  # a word operator ends where no such character follows
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_BARE = re.compile(r"(?:\\.|(?!&&|\|\|)[^\s,\])(\[\"'\\])+")
# A pattern may also have [ab] and {1,2}.
_BARE_PATTERN = re.compile(r"(?:\\.|\[(?:\\.|[^\]\\\s])+\]|\{[\d,]*\}|(?!&&|\|\|)[^\s,\])(\[\"'\\])+")
_SETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]?")  # or an escaped sign, which is no part of one
_SET_IN_SET = re.compile(r"^\[.*?(?:(?<!\\)\[|--|&&|\|\||~~)")
_ESCAPED = re.compile(r"\\([\s,])")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?")
_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})*)(?:[-+].*)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?")


@lru_cache(maxsize=1024)
def parse(expression: str) -> Predicate:
    """The question that `expression` asks. Raises NotAnExpression.

    `parse("attribute:stack == prod and agentVersion < 1.14.5")(subject)` is true or false.
    """
    reader = _Reader(expression)
    predicate = _either(reader, 0)
    if not reader.at_end():
        raise reader.lost("the end")
    return predicate


class _Reader:
    """The text and how far it was read; lives as long as one `parse`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def lost(self, expected: str) -> NotAnExpression:
        found = self.text[self.at : self.at + 20] or "the end"
        return NotAnExpression(f"expected {expected} at position {self.at}, found: {found}")

    def skip_blanks(self) -> None:
        if blanks := _BLANKS.match(self.text, self.at):
            self.at = blanks.end()

    def at_end(self) -> bool:
        self.skip_blanks()
        return self.at == len(self.text)

    def take(self, spelling: str) -> bool:
        """Read `spelling` if it stands here; a word must end where it ends (`in`, not the beginning of `index`)."""
        self.skip_blanks()
        if not self.text.startswith(spelling, self.at):
            return False
        end = self.at + len(spelling)
        if spelling[-1].isalpha() and _GOES_ON.match(self.text, end):
            return False
        self.at = end
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.skip_blanks()
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found


def _either(reader: _Reader, depth: int) -> Predicate:
    terms = [_both(reader, depth)]
    while reader.take("||") or reader.take("or"):
        terms.append(_both(reader, depth))
    return terms[0] if len(terms) == 1 else lambda subject: any(term(subject) for term in terms)


def _both(reader: _Reader, depth: int) -> Predicate:
    terms = [_negation(reader, depth)]
    while reader.take("&&") or reader.take("and"):
        terms.append(_negation(reader, depth))
    return terms[0] if len(terms) == 1 else lambda subject: all(term(subject) for term in terms)


def _negation(reader: _Reader, depth: int) -> Predicate:
    if depth > DEEPEST:
        raise NotAnExpression(f"more than {DEEPEST} levels deep")
    if reader.take("not") or reader.take("!"):
        inner = _negation(reader, depth + 1)
        return lambda subject: not inner(subject)
    if reader.take("("):
        inner = _either(reader, depth + 1)
        if not reader.take(")"):
            raise reader.lost(")")
        return inner
    return _comparison(reader)


def _comparison(reader: _Reader) -> Predicate:
    found = reader.match(_SUBJECT)
    if not found:
        raise reader.lost("a subject")
    name = found.group()
    verb, contrary = _verb(reader)
    if verb not in (OF_ATTRIBUTES if name.startswith("attribute:") else SUBJECTS[name]):
        raise NotAnExpression(f"{name} can't be asked with {'not ' if contrary else ''}{verb}")
    values = _values_of(name)
    test = _test(name, verb, list(_arguments(reader, verb)))
    if contrary:
        return lambda subject: not any(map(test, values(subject)))
    return lambda subject: any(map(test, values(subject)))


def _verb(reader: _Reader) -> tuple[str, bool]:
    for spelling, verb, contrary in OPERATORS:
        if reader.take(spelling):
            return verb, contrary
    raise reader.lost("an operator")


def _arguments(reader: _Reader, verb: str) -> Iterator[str]:
    if verb == "exists":
        return
    if verb != "in":
        yield _argument(reader, _BARE_PATTERN if verb == "=~" else _BARE)
        return
    if not reader.take("["):
        raise reader.lost("[")
    yield _argument(reader, _BARE)
    while reader.take(","):
        yield _argument(reader, _BARE)
    if not reader.take("]"):
        raise reader.lost(", or ]")


def _argument(reader: _Reader, bare: re.Pattern[str]) -> str:
    if quoted := reader.match(_QUOTED):
        return quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
    if word := reader.match(bare):
        return _ESCAPED.sub(r"\1", word.group())
    raise reader.lost("a value")


def _values_of(name: str) -> Values:
    if name.startswith("attribute:"):
        attribute = name.removeprefix("attribute:")
        # An attribute without a value exists, and equals nothing: the empty text is not allowed as a value.
        return lambda subject: (subject.attributes[attribute] or "",) if attribute in subject.attributes else ()
    return _VALUES[name]


_VALUES: dict[str, Values] = {
    "agentConnected": lambda subject: ("true" if subject.agent_connected else "false",),
    "agentVersion": lambda subject: (subject.agent_version,) if _VERSION.fullmatch(subject.agent_version) else (),
    "ec2InstanceId": lambda subject: (subject.ec2_instance_id,) if subject.ec2_instance_id else (),
    "registeredAt": lambda subject: (str(int(subject.registered_at)),),
    "runningTasksCount": lambda subject: (str(subject.running_tasks_count),),
    "task:group": lambda subject: tuple(subject.groups),
}


def _test(name: str, verb: str, arguments: list[str]) -> Test:
    if verb == "exists":
        return lambda _: True
    if verb == "=~":
        return _pattern(arguments[0])
    if name == "agentVersion":
        return _ordered(verb, _version(arguments[0]), _version)
    if name == "registeredAt":
        return _ordered(verb, _date(arguments[0]), float)
    if name == "runningTasksCount":
        return _ordered(verb, _number(arguments[0]), float)
    if name == "agentConnected" and not set(arguments) <= {"true", "false"}:
        raise NotAnExpression(f"agentConnected is true or false, not {arguments[0]}")
    if verb in ORDERINGS:
        return _ordered_attribute(verb, arguments[0])
    wanted = frozenset(arguments) - {""}
    return wanted.__contains__


def _pattern(text: str) -> Test:
    """A Java regular expression that the whole value must match: `t2.*` matches t2.small, `2.s` does not.

    Sets within sets, which Java reads in its own way, and repetitions of repetitions without end, which take for ever, are refused.
    """
    if any(_SET_IN_SET.search(found) for found in _SETS.findall(text)):
        raise NotAnExpression(f"a set within a set: {text}")
    if _takes_for_ever(_SETS.sub("x", text)):
        raise NotAnExpression(f"a repetition of repetitions: {text}")
    try:
        compiled = re.compile(re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", text))
    except (re.error, OverflowError, RecursionError) as error:
        raise NotAnExpression(f"not a regular expression: {text} ({error})") from None
    return lambda value: bool(value) and compiled.fullmatch(value) is not None


def _takes_for_ever(text: str) -> bool:
    """Whether a group is repeated that can itself be read in several ways: each sign more may double the time."""
    several = [False]  # of each group that is open, whether it repeats something or chooses
    for sign, following in zip(text, f"{text[1:]} ", strict=False):
        if sign == "(":
            several.append(False)
        elif sign == ")" and len(several) > 1:
            inner = several.pop()
            if inner and following in "*+{":
                return True
            several[-1] = several[-1] or inner
        elif sign in "*+{|?":
            several[-1] = True
    return False


def _ordered(verb: str, wanted: Any, read: Callable[[str], Any]) -> Test:
    compare = COMPARISONS[verb]
    return lambda value: compare(read(value), wanted)


def _ordered_attribute(verb: str, wanted: str) -> Test:
    """Numbers compare as numbers (9 < 10); as soon as one side is none, both are text ("9" > "10a")."""
    compare = COMPARISONS[verb]

    def test(value: str) -> bool:
        if _NUMBER.fullmatch(value) and _NUMBER.fullmatch(wanted):
            return compare(float(value), float(wanted))
        return bool(value) and compare(value, wanted)

    return test


def _version(text: str) -> tuple[int, ...]:
    """1.14.3 as (1, 14, 3); trailing zeros say nothing: 1.14 is 1.14.0."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise NotAnExpression(f"not a version: {text}")
    parts = [int(part) for part in found.group(1).split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _date(text: str) -> float:
    """Seconds since the epoch; a date without a zone is UTC."""
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotAnExpression(f"not a date: {text}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise NotAnExpression(f"not a number: {text}")
    return float(text)
