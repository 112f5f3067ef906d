"""Write the golden plans anew: `python -m tests.control.regenerate`; then read what changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.control import daemon_service_plans, plans, shifting_plans, stage, task_set_plans, zone_plans

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden" / "plans"


def main() -> None:
    assert (
        plans.__doc__
        and task_set_plans.__doc__
        and daemon_service_plans.__doc__
        and zone_plans.__doc__
        and shifting_plans.__doc__
    )
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for old in GOLDEN.glob("*.txt"):
        if old.stem not in stage.registry():
            old.unlink()
    for name in stage.registry():
        with tempfile.TemporaryDirectory(prefix="golden-") as directory:
            (GOLDEN / f"{name}.txt").write_text(stage.played(name, Path(directory)), encoding="utf-8")


if __name__ == "__main__":
    main()
