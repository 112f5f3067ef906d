"""Nothing of ECS is left untyped: every operation of the newest model, and every waiter of version 1, is in one of these scenarios."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.loaders
import pytest
from botocore import xform_name

from tests.scenarios.aws_ecs.prompt import PROGRAMS, why_no

pytestmark = pytest.mark.clients

SCENARIOS = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
TYPED = {word for path in SCENARIOS for word in re.findall(r'"([a-z-]+)"', path.read_text())}


def test_every_operation_is_a_command_of_a_scenario() -> None:
    model = botocore.loaders.Loader().load_service_model("ecs", "service-2")
    assert {xform_name(name, "-") for name in model["operations"]} - TYPED == set()


def test_every_waiter_of_version_1_is_awaited_in_a_scenario() -> None:
    if (reason := why_no(1)) is not None:
        pytest.skip(reason)
    (data,) = PROGRAMS[1].parent.parent.glob("lib/python3*/site-packages/awscli/botocore/data")
    model = botocore.loaders.Loader([str(data)], include_default_search_paths=False).load_service_model(
        "ecs", "waiters-2"
    )
    assert {xform_name(name, "-") for name in model["waiters"]} - TYPED == set()
