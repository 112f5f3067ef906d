"""What the scheduler decides, held as text: run `python -m tests.control.regenerate` after a change, and read the difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.control import daemon_service_plans, plans, regenerate, shifting_plans, stage, task_set_plans, zone_plans

assert (
    plans.__doc__
    and task_set_plans.__doc__
    and daemon_service_plans.__doc__
    and zone_plans.__doc__
    and shifting_plans.__doc__
)
NAMES = sorted(stage.registry())


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_is_the_golden_one(name: str, tmp_path: Path) -> None:
    assert stage.played(name, tmp_path) == (regenerate.GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_file_has_its_plan() -> None:
    assert sorted(path.stem for path in regenerate.GOLDEN.glob("*.txt")) == NAMES
