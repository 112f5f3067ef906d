"""Describe every task definition of the fixtures anew: `python -m tests.rules.regenerate`, then read the difference.

`fixtures/golden/definitions` says of each what ECS adds to it: compatibilities, requiresAttributes, and every default that is
written out. A recording that differs is a reason to change the rules, never the golden file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecs_emulator.rules import definitions

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
DEFINITIONS, GOLDEN = FIXTURES / "task-definitions", FIXTURES / "golden" / "definitions"


def definition_files() -> list[Path]:
    """As users write them."""
    return sorted(DEFINITIONS.glob("*.json"))


def golden_of(file: Path) -> Path:
    return GOLDEN / file.name


def described(file: Path) -> dict[str, Any]:
    """The definition as it is described once it is registered, less what depends on who registers it and when."""
    return definitions.validated(json.loads(file.read_text(encoding="utf-8")))


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for file in definition_files():
        golden = golden_of(file)
        before = golden.read_text(encoding="utf-8") if golden.exists() else ""
        after = json.dumps(described(file), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if after != before:
            golden.write_text(after, encoding="utf-8")
            print(f"{golden.name} is different")


if __name__ == "__main__":
    main()
