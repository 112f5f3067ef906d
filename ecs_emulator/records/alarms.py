"""What an alarm says, set by the user as long as there is no CloudWatch here that would watch for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Lives from the first word about it; an alarm that nobody spoke of is OK."""

    KEY: ClassVar = ("account", "region", "name")
    INDEXES: ClassVar = ()

    account: str
    region: str
    name: str
    state: AlarmState
    since: float
