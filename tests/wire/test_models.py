"""The model is botocore's, read without botocore."""

from __future__ import annotations

import subprocess
import sys

import botocore
import botocore.loaders
import botocore.model
import pytest

from ecs_emulator.wire import models
from tests.wire.samples import SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_operations_have_boto3s_names(service: str) -> None:
    for operation in models.load(service).operations.values():
        assert operation.python_name == botocore.xform_name(operation.name)


@pytest.mark.parametrize("name", ["ListResourceARNs", "DescribeVPCs", "GetID", "TagResource", "PutEC2Thing", "Ab"])
def test_names_with_acronyms_are_split_as_boto3_splits_them(name: str) -> None:
    assert models.xform_name(name) == botocore.xform_name(name)


@pytest.mark.parametrize("service", SERVICES)
def test_the_view_agrees_with_botocores_own(service: str) -> None:
    ours = models.load(service)
    theirs = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)
    assert ours.target_prefix == theirs.metadata["targetPrefix"]
    assert ours.json_version == theirs.metadata["jsonVersion"]
    assert ours.signing_name == theirs.signing_name
    assert ours.version == theirs.api_version
    assert set(ours.operations) == set(theirs.operation_names)
    for name in theirs.operation_names:
        operation = theirs.operation_model(name)
        assert ours.operations[name].errors == tuple(error.name for error in operation.error_shapes)
        for shape, ours_name in (
            (operation.input_shape, ours.operations[name].input),
            (operation.output_shape, ours.operations[name].output),
        ):
            if shape is None:
                assert ours_name is None
                continue
            assert ours_name == shape.name
            view = ours.shapes[shape.name]
            assert dict(view.members) == {member: target.name for member, target in shape.members.items()}
            assert list(view.required) == shape.required_members


@pytest.mark.parametrize("service", SERVICES)
def test_no_member_has_another_name_on_the_wire(service: str) -> None:
    # Parser and renderer rely on it. A botocore that breaks it needs `locationName` read in models.py.
    theirs = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)
    for name in theirs.shape_names:
        shape = theirs.shape_for(name)
        if isinstance(shape, botocore.model.StructureShape):
            for member, target in shape.members.items():
                assert target.serialization.get("name", member) == member
                assert target.serialization.get("timestampFormat") is None


def test_reading_a_model_imports_neither_botocore_nor_boto3() -> None:
    script = (
        "import sys; from ecs_emulator.wire import dispatch, models; models.load('ecs');"
        "print([name for name in sys.modules if name.split('.')[0] in ('botocore', 'boto3', 'flask', 'docker')])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"


def test_a_service_that_botocore_does_not_know_is_a_clear_error() -> None:
    with pytest.raises(LookupError, match="no model of nothing"):
        models.load("nothing")
