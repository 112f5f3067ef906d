"""An ECR without anything in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecr.api import Ecr


@pytest.fixture
def ecr(tmp_path: Path) -> Iterator[Ecr]:
    made = Ecr(tmp_path)
    yield made
    made.store.close()
