"""A filter pattern is one of three small languages, told apart by its first character: text, `[fields]`, `{ JSON }`.

What lives here: the text language, and the choice. Rules as recorded from FilterLogEvents and TestMetricFilter.
Source: "Filter pattern syntax" in the CloudWatch Logs user guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ecs_emulator.logs import field_patterns, json_patterns
from ecs_emulator.logs.pattern_terms import Bad, Refused, Regexes, unescaped

Matches = Callable[[str], bool]

__all__ = ["Bad", "Matches", "Refused", "compiled"]

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"%]+))(?=\s|$)')


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Matches:
    """The test of a message that this pattern means. Raises Refused where it means none."""
    bare = pattern.strip()
    if not bare:
        return _everything
    if bare.startswith("{"):
        return json_patterns.compiled(bare)
    if bare.startswith("["):
        return field_patterns.compiled(bare)
    return _text(bare)


def _everything(message: str) -> bool:
    return True


def _text(pattern: str) -> Matches:
    """All the plain terms and none of the excluded ones; optional terms count only where they are alone."""
    required: list[Matches] = []
    excluded: list[Matches] = []
    optional: list[Matches] = []
    regexes = Regexes()
    place = 0
    while place < len(pattern):
        found = _TERM.match(pattern, place)
        if found is None:
            raise Refused()
        kind = {"": required, "?": optional, "-": excluded}[found[1]]
        kind.append(_term(found, regexes))
        place = found.end()
        place += len(pattern[place:]) - len(pattern[place:].lstrip())
    if optional and not required and not excluded:
        return lambda message: any(holds(message) for holds in optional)
    return lambda message: all(holds(message) for holds in required) and not any(holds(message) for holds in excluded)


def _term(found: re.Match[str], regexes: Regexes) -> Matches:
    _, quoted, regex, word = found.groups()
    if regex is not None:
        search = regexes.compiled(regex).search
        return lambda message: search(message) is not None
    if quoted is not None:
        phrase = unescaped(quoted)
        return lambda message: phrase in message
    if strange := re.search(r"[^\w]", word):
        raise Bad(strange[0])
    return lambda message: word in message
