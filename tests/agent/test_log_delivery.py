"""How lines reach a log driver: as the container says, else as the account does, else as the engine likes."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.agent.translate import Facts, container_body
from tests.agent.regenerate import IDENTITY
from tests.agent.small_loop import task_slice

WAITING = {"mode": "non-blocking", "max-buffer-size": "10m"}


@pytest.mark.parametrize(
    ("default", "said", "told"),
    [
        (None, {}, {}),
        (None, {"mode": "non-blocking"}, WAITING),
        ("non-blocking", {}, WAITING),
        ("non-blocking", {"max-buffer-size": "1m"}, {"mode": "non-blocking", "max-buffer-size": "1m"}),
        ("non-blocking", {"mode": "blocking"}, {"mode": "blocking"}),
        ("blocking", {}, {"mode": "blocking"}),
        ("blocking", {"mode": "non-blocking"}, WAITING),
    ],
)
def test_a_container_that_does_not_say_it_goes_by_the_account(
    default: str | None, said: dict[str, str], told: dict[str, str]
) -> None:
    assert log_config({"logDriver": "json-file", "options": said}, default) == {"Type": "json-file", "Config": told}


def test_where_nothing_is_delivered_there_is_no_way_to_do_it() -> None:
    assert log_config({"logDriver": "none"}, "non-blocking") == {"Type": "none", "Config": {}}


def test_a_container_without_a_log_configuration_is_left_to_the_engine() -> None:
    assert log_config(None, "non-blocking") is None


def log_config(said: dict[str, Any] | None, default: str | None) -> Any:
    container: dict[str, Any] = {"name": "app", "image": "app", "memory": 64}
    if said is not None:
        container["logConfiguration"] = said
    spec = {} if default is None else {"logDriverMode": default}
    slice = task_slice({"family": "f", "containerDefinitions": [container]}, "logs", spec=spec)
    return container_body(slice, "app", Facts(IDENTITY))["HostConfig"].get("LogConfig")
