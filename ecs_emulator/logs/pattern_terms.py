"""What the languages of filter patterns share: values with a `*` at an end, a small regex, and how AWS refuses."""

from __future__ import annotations

import re
from collections.abc import Callable

_MAX_REGEXES = 2
_OF_A_REGEX = re.compile(r"[\x20A-Za-z0-9:_#=@/;,^$?\[\]{}|*+.-]|\\[\x20-\x7e]")


class Refused(Exception):
    """A pattern that AWS refuses. Without a text FilterLogEvents and TestMetricFilter each have their own words."""

    def __init__(self, text: str | None = None, in_metric_filter: str | None = None) -> None:
        self.text = text or "Invalid filter pattern"
        self.in_metric_filter = in_metric_filter or text or "Invalid metric filter pattern"
        super().__init__(self.text)


class Bad(Refused):
    """Refused for one term, which the text names."""

    def __init__(self, term: str) -> None:
        super().__init__(f"Invalid character(s) in term '{term}'")


class Regexes:
    """The regular expressions of one pattern: at most two, no groups, all ASCII. Lives while a pattern is compiled."""

    def __init__(self) -> None:
        self._count = 0

    def compiled(self, body: str) -> re.Pattern[str]:
        """What stands between two percent signs, ready to be searched for."""
        place = 0
        while place < len(body):
            allowed = _OF_A_REGEX.match(body, place)
            if allowed is None:
                raise Bad("%" + body[: place + 1])
            place = allowed.end()
        self._count += 1
        if self._count > _MAX_REGEXES:
            raise Refused()
        try:
            return re.compile(body, re.ASCII)
        except re.error as error:
            raise Refused("Failed to compile regular expression.") from error


def unescaped(quoted: str) -> str:
    """The text inside of two quotation marks."""
    return re.sub(r'\\(["\\])', r"\1", quoted)


def text_test(value: str) -> Callable[[str], bool]:
    """Equal to this text; a `*` at either end stands for anything."""
    if value == "*":
        return lambda text: True
    opens, closes = value.startswith("*"), value.endswith("*")
    if opens and closes:
        return lambda text: value[1:-1] in text
    if opens:
        return lambda text: text.endswith(value[1:])
    if closes:
        return lambda text: text.startswith(value[:-1])
    return lambda text: text == value


def number(text: str) -> float | None:
    """The number that this text is, or None."""
    return float(text) if re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", text, re.ASCII) else None


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
