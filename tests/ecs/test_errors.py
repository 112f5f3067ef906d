"""Each error of the ECS model has its one class, and no class has a code that the model does not know."""

from __future__ import annotations

import botocore.session

from ecs_emulator.ecs import errors
from ecs_emulator.wire.errors import AwsError, ServerException


def test_the_errors_are_those_of_the_model() -> None:
    model = botocore.session.get_session().get_service_model("ecs")
    known = {shape.name for shape in model.error_shapes} - {ServerException.__name__}
    assert set(errors.__all__) == known
    for name in errors.__all__:
        refusal = getattr(errors, name)()
        assert isinstance(refusal, AwsError)
        assert (refusal.code, refusal.status) == (name, 400)


def test_a_conflict_names_the_tasks() -> None:
    assert errors.ConflictException(resourceIds=["a"]).to_document() == {
        "__type": "ConflictException",
        "message": "The RunTask request could not be processed due to conflicts. "
        "The provided clientToken is already in use with a different request.",
        "resourceIds": ["a"],
    }
