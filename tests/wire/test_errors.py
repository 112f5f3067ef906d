"""A refusal knows its code, its status, and its body."""

from __future__ import annotations

from ecs_emulator.wire import errors
from ecs_emulator.wire.errors import AwsError


class ClusterNotFoundException(AwsError):
    message = "Cluster not found."


class DeniedException(AwsError):
    CODE = "AccessDeniedException"
    STATUS = 403
    MESSAGE_KEY = "Message"


def test_the_code_is_the_class_and_the_text_may_be_too() -> None:
    error = ClusterNotFoundException()
    assert (error.code, error.status, str(error)) == ("ClusterNotFoundException", 400, "Cluster not found.")
    assert error.to_document() == {"__type": "ClusterNotFoundException", "message": "Cluster not found."}
    assert ClusterNotFoundException("Gone.").to_document()["message"] == "Gone."


def test_code_status_and_the_members_name_can_be_said() -> None:
    error = DeniedException("No.")
    assert (error.code, error.status) == ("AccessDeniedException", 403)
    assert error.to_document() == {"__type": "AccessDeniedException", "Message": "No."}


def test_further_members_follow_and_nulls_do_not() -> None:
    error = AwsError("In use.", resourceIds=["a"], other=None)
    assert error.to_document() == {"__type": "AwsError", "message": "In use.", "resourceIds": ["a"]}


def test_an_error_without_a_text_has_no_message() -> None:
    assert errors.UnknownOperationException().to_document() == {"__type": "UnknownOperationException"}
    assert str(errors.UnknownOperationException()) == "UnknownOperationException"


def test_what_is_not_built_names_the_operation_with_501() -> None:
    error = errors.NotBuilt("ecs", "CreateGateway")
    assert error.status == 501
    assert error.to_document() == {
        "__type": "NotImplementedException",
        "message": "The operation ecs:CreateGateway is not built in this emulator yet.",
    }


def test_only_internal_errors_are_500() -> None:
    assert errors.InternalFailure().status == errors.ServerException().status == 500
    assert errors.ServerException().message == "Service Unavailable. Please try again later."
    for refusal in (
        errors.SerializationException,
        errors.MissingAuthenticationTokenException,
        errors.IncompleteSignatureException,
        errors.UnrecognizedClientException,
        errors.InvalidSignatureException,
    ):
        assert refusal().status == 400
