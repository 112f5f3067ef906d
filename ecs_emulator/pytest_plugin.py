"""`def test_it(ecs_emulator): ecs_emulator.client("ecs")`: one server for the session, an account of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from ecs_emulator.app import Emulator

_ACCOUNTS = itertools.count(100_000_000_001)


@dataclass(frozen=True, slots=True)
class EmulatedAccount:
    """One test's own account on the session's server. Lives as long as the test; its tasks are stopped and removed then."""

    emulator: Emulator
    account: str
    region: str

    @property
    def endpoint(self) -> str:
        """What goes into `endpoint_url` or AWS_ENDPOINT_URL."""
        return self.emulator.endpoint

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point any AWS client at this account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "emulated",
        }

    def client(self, service: str) -> BaseClient:
        """A boto3 client of this account: `ecs`, `ecr` or `logs`."""
        return self.emulator.client(service, account=self.account, region=self.region)


@pytest.fixture(scope="session")
def ecs_emulator_server() -> Iterator[Emulator]:
    """The session's server: ephemeral, on a free port, on Docker where an engine answers."""
    import ecs_emulator

    with ecs_emulator.start() as emulator:
        yield emulator


@pytest.fixture
def ecs_emulator(ecs_emulator_server: Emulator) -> Iterator[EmulatedAccount]:
    """An empty account of the session's server."""
    account = EmulatedAccount(ecs_emulator_server, str(next(_ACCOUNTS)), ecs_emulator_server.config.region)
    yield account
    ecs_emulator_server.clear_account(account.account)
