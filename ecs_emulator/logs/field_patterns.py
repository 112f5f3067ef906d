"""`[ip, user, status >= 400]`: a message as fields between blanks, each with a name and perhaps a condition."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecs_emulator.logs.pattern_terms import COMPARISONS, Refused, Regexes, number, text_test, unescaped

Test = Callable[[str], bool]

_CONDITION = re.compile(
    r'\s*([^\s,=!<>&|"%]+)\s*(?:(!=|<=|>=|=|<|>)\s*(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s,&|"]+)))?\s*(&&|\|\||,|$)'
)
_FIELD = re.compile(r'\[([^\]]*)\](?=[ \t]|\Z)|"([^"]*)"(?=[ \t]|\Z)|[^ \t]+')
_ANY_NUMBER = "..."


@dataclass(frozen=True, slots=True)
class _Column:
    """One name of the pattern; `holds` is None where every value will do."""

    name: str
    holds: Test | None


def compiled(pattern: str) -> Callable[[str], bool]:
    """The test of a message that this pattern means. Raises Refused where it means none."""
    if not pattern.endswith("]"):
        raise Refused()
    columns = _columns(pattern[1:-1])
    names = [column.name for column in columns]
    if names.count(_ANY_NUMBER) > 1:
        raise Refused()
    gap = names.index(_ANY_NUMBER) if _ANY_NUMBER in names else None
    named = [column for column in columns if column.name != _ANY_NUMBER]

    def matches(message: str) -> bool:
        values = _fields(message, len(named), gap)
        return values is not None and all(
            column.holds is None or column.holds(value) for column, value in zip(named, values, strict=True)
        )

    return matches


def _columns(body: str) -> list[_Column]:
    columns: list[_Column] = []
    place, regexes = 0, Regexes()
    while place < len(body) or not columns:
        column, place = _column(body, place, regexes)
        columns.append(column)
    if body.rstrip().endswith(","):
        raise Refused()
    return columns


def _column(body: str, place: int, regexes: Regexes) -> tuple[_Column, int]:
    """A name and its conditions, `status >= 400 && status < 500`; `&&` binds tighter."""
    name: str | None = None
    either: list[list[Test]] = [[]]
    while True:
        found = _CONDITION.match(body, place)
        if found is None or (name is not None and found[1] != name):
            raise Refused()
        name, operator, joined = found[1], found[2], found[6]
        place = found.end()
        if operator is None:
            if joined in ("&&", "||") or either != [[]]:
                raise Refused()
            return _Column(name, None), place
        either[-1].append(_test(operator, found, regexes))
        if joined == "||":
            either.append([])
        elif joined != "&&":
            return _Column(name, lambda value: any(all(holds(value) for holds in every) for every in either)), place


def _test(operator: str, found: re.Match[str], regexes: Regexes) -> Test:
    quoted, regex, word = found[3], found[4], found[5]
    value = unescaped(quoted) if quoted is not None else word
    if operator in COMPARISONS:
        limit = None if regex is not None else number(value)
        if limit is None:
            raise Refused()
        compare = COMPARISONS[operator]
        return lambda text: (left := number(text)) is not None and compare(left, limit)
    equal = _equal(value, quoted is None) if regex is None else _found(regexes.compiled(regex))
    return equal if operator == "=" else lambda text: not equal(text)


def _found(regex: re.Pattern[str]) -> Test:
    return lambda text: regex.search(text) is not None


def _equal(value: str, numeric: bool) -> Test:
    same = text_test(value)
    wanted = number(value) if numeric else None
    return same if wanted is None else lambda text: same(text) or number(text) == wanted


def _fields(message: str, wanted: int, gap: int | None) -> Sequence[str] | None:
    """The values of the named columns; None where there are fewer.

    Without `...` the last column takes all that is left, as it stands; with it each column takes one field.
    """
    found = list(_FIELD.finditer(message))
    if len(found) < wanted:
        return None
    values = [_bare(field) for field in found]
    if gap is not None:
        return values[:gap] + values[len(values) - (wanted - gap) :]
    if len(found) > wanted:
        values[wanted - 1 :] = [message[found[wanted - 1].start() :].rstrip()]
    return values


def _bare(field: re.Match[str]) -> str:
    bracketed, quoted = field[1], field[2]
    if bracketed is not None:
        return bracketed
    return quoted if quoted is not None else field[0]
