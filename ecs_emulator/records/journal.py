"""The decision log: what was decided about which thing, and why. Append only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of the loop, as the sentence it was."""

    KEY: ClassVar = ("seq",)
    INDEXES: ClassVar = (("subject", "seq"),)

    at: float
    subject: str
    """The ARN of the thing decided about."""
    text: str
    seq: int | None = None
