"""botocore's own serializer and parser are the oracle for every operation of every model."""

from __future__ import annotations

import functools
from typing import Any

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest

from ecs_emulator.wire import encoding, models, parse, render
from tests.wire.samples import SERVICES, sample, stored

OPERATIONS = [(service, operation) for service in SERVICES for operation in models.load(service).operations]


@functools.cache
def botocore_model(service: str) -> Any:
    document = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(document, service)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_botocore_serializes_is_parsed_to_what_the_user_wrote(service: str, operation: str) -> None:
    model = models.load(service)
    input_name = model.operations[operation].input
    assert input_name is not None
    written = sample(model, input_name)
    serializer = botocore.serialize.create_serializer("json", include_validation=True)
    request = serializer.serialize_to_request(written, botocore_model(service).operation_model(operation))
    assert request["headers"]["X-Amz-Target"] == f"{model.target_prefix}.{operation}"
    assert request["headers"]["Content-Type"] == f"application/x-amz-json-{model.json_version}"
    parsed = parse.compile_input(model, input_name, "x")(parse.decode(request["body"]))
    assert parsed == stored(written)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_is_rendered_is_parsed_by_botocore_to_the_same_document(service: str, operation: str) -> None:
    model = models.load(service)
    output_name = model.operations[operation].output
    shape = botocore_model(service).operation_model(operation).output_shape
    answered = {} if output_name is None else sample(model, output_name)
    body = encoding.encode(render.compile_output(model, output_name)(stored(answered)))
    if shape is not None and any(model.shapes[member.name].streamed for member in shape.members.values()):
        assert body == b"{}"  # the events follow the document, they are no part of it
        return
    response = {"status_code": 200, "headers": {"x-amzn-requestid": "1"}, "body": body}
    read = botocore.parsers.create_parser("json").parse(response, shape)
    del read["ResponseMetadata"]
    assert read == answered


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_of_a_model_is_read_by_botocore_as_itself(service: str) -> None:
    from ecs_emulator.wire.errors import AwsError

    for operation in models.load(service).operations.values():
        for code in operation.errors:
            error = type(code, (AwsError,), {})("Refused.")
            response = {"status_code": error.status, "headers": {}, "body": encoding.encode(error.to_document())}
            shape = botocore_model(service).operation_model(operation.name).output_shape
            read = botocore.parsers.create_parser("json").parse(response, shape)
            assert (read["Error"]["Code"], read["Error"]["Message"]) == (code, "Refused.")
