"""Every error that ECR answers with is one of its model."""

from __future__ import annotations

import pytest

from ecs_emulator.ecr import errors
from ecs_emulator.registry import errors as registry_errors
from ecs_emulator.wire import models
from ecs_emulator.wire.errors import AwsError

CLASSES: dict[str, type[AwsError]] = {
    name: value
    for module in (errors, registry_errors)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, AwsError) and value is not AwsError
}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_model_has_this_error(name: str) -> None:
    kind = CLASSES[name]
    assert kind("said").code in models.load("ecr").shapes
    assert kind("said").status == 400
