"""Translate every golden task definition anew: `python -m tests.agent.regenerate`, then read the difference.

A golden file says what is given (`definition`, and where it matters `task`, `overrides`, `facts`) and what the engine is
told (`engine`: for each container its name and the body of `POST /containers/create`). Only the latter is written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecs_emulator.agent.names import Identity, container_name
from ecs_emulator.agent.translate import Facts, container_body, pause_body
from ecs_emulator.control.plan import PAUSE, TaskSlice
from tests.agent.small_loop import task_slice

TRANSLATIONS = Path(__file__).resolve().parents[2] / "fixtures" / "golden" / "translations"
IDENTITY = Identity("0123456789abcdef", "machine/4711/boot-815", ephemeral=False)
PAUSE_ID = "9a" * 32
PAUSE_IMAGE = "sha256:" + "0a" * 32


def golden_files() -> list[Path]:
    return sorted(TRANSLATIONS.glob("*.json"))


def translated(case: dict[str, Any], label: str) -> dict[str, Any]:
    """What the engine is told of each container, the pause container first."""
    slice = _slice(case, label)
    facts = Facts(
        IDENTITY, **{"cpus": 2, "network": "vpc-network", "pause_image": PAUSE_IMAGE, **case.get("facts", {})}
    )
    bodies = {one.name: container_body(slice, one.name, facts) for one in slice.task.containers}
    if slice.task.network_mode == "awsvpc":
        bodies = {PAUSE: pause_body(slice, facts), **bodies}
    return {name: {"name": container_name(slice, name, IDENTITY), "body": body} for name, body in bodies.items()}


def _slice(case: dict[str, Any], label: str) -> TaskSlice:
    spec = {"overrides": case["overrides"]} if "overrides" in case else {}
    slice = task_slice(case["definition"], label, spec=spec, **case.get("task", {}))
    containers = tuple(
        replace(one, image_id="sha256:" + hashlib.sha256(one.image.encode()).hexdigest())
        for one in slice.task.containers
    )
    task = replace(slice.task, containers=containers)
    if task.attachment is not None:
        attached = replace(task.attachment, network_interface_id="eni-0123456789abcdef0")
        task = replace(task, attachment=attached, pause_engine_id=PAUSE_ID)
    return replace(slice, task=task)


def written(case: dict[str, Any], label: str) -> str:
    return json.dumps({**case, "engine": translated(case, label)}, indent=2) + "\n"


def main() -> None:
    for path in golden_files():
        before = path.read_text(encoding="utf-8")
        after = written(json.loads(before), path.stem)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name} is different")


if __name__ == "__main__":
    main()
