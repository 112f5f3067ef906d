"""The models' patterns are Java's; here they become Python's, and none of them may keep a thread busy for ever."""

from __future__ import annotations

import re

_CLASS_THEN_HYPHEN = re.compile(r"(\\[wdsWDS])-(?!\])")
_SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

_SAME_LANGUAGE = {
    # Each character may be taken by either half of the loop: 2^n ways to fail on n letters and a `!`.
    r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$": r"[a-z0-9*]+(?:[._\-/][a-z0-9*]+)*",
}
"""Patterns that backtrack without bound, and one that accepts the same texts and does not."""


def compiled(java: str) -> re.Pattern[str] | None:
    """The pattern for `fullmatch`, or None where Python cannot say it: then the constraint is not checked.

    Java's `\\w` and `\\d` are ASCII. `\\p{L}`, `\\p{N}` and `\\p{Z}` are letters, numbers and separators of every
    script; the models use them together and beside `_`, which is what Python's own `\\w` is.
    """
    unicode = r"\p{" in java
    text = _SAME_LANGUAGE.get(java, java)
    text = _CLASS_THEN_HYPHEN.sub(r"\1\\-", text)
    text = text.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\w").replace(r"\p{Z}", _SPACES)
    try:
        return re.compile(text, 0 if unicode else re.ASCII)
    except re.error:
        return None
