"""What an account or one of its principals set for itself, and the emulator's few facts about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class AccountSetting:
    """Lives from PutAccountSetting(Default) until DeleteAccountSetting."""

    KEY: ClassVar = ("account", "region", "principal_arn", "name")
    INDEXES: ClassVar = ()

    account: str
    region: str
    principal_arn: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the emulator must not forget: its id, its keys, its VPC's address range."""

    KEY: ClassVar = ("name",)
    INDEXES: ClassVar = ()

    name: str
    value: str
