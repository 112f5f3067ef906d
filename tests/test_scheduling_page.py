"""What docs/scheduling.md shows as examples is what the golden plans say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecs_emulator.control.rolling import bounds

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```plan (\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ROWS = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_is_the_golden_plan(name: str, text: str) -> None:
    plan = (ROOT / "fixtures" / "golden" / "plans" / f"{name}.txt").read_text(encoding="utf-8")
    assert text in plan


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_arithmetic_is_what_is_computed(row: tuple[str, ...]) -> None:
    desired, minimum, maximum, least, most = map(int, row)
    assert bounds(desired, minimum, maximum) == (least, most)


def test_there_are_examples_and_rows() -> None:
    assert len(EXAMPLES) >= 5
    assert len(ROWS) >= 5
