"""docs/coverage.md is true of the code, and every operation has at most one home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecs_emulator.wire.dispatch import Service
from tests import coverage
from tests.simulation import Simulation

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == coverage.page(), "python -m tests.coverage > docs/coverage.md"


def test_every_ecs_operation_has_a_home() -> None:
    """A newer botocore may bring more of them: each is named here until it is built."""
    service = next(one for one in coverage.SERVICES if one.name == "ecs")
    assert sorted(service.model.operations.keys() - service.functions().keys()) == []


@pytest.mark.parametrize("service", coverage.SERVICES, ids=lambda service: service.name)
def test_what_is_not_built_says_so_by_name(service: Service, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    for name in service.model.operations.keys() - service.functions().keys():
        status, body = service.answer(name, b"{}", simulation.context())
        assert status == 501
        assert f"{service.name}:{name}" in json.loads(body)["message"]
    simulation.close()
