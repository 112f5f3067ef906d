"""A refusal is a value: a code, a status and AWS's own words. Here are those said before any service is reached."""

from __future__ import annotations

from typing import Any, ClassVar


class AwsError(Exception):
    """A request refused as AWS refuses it.

    The code is the class's name unless `CODE` says otherwise, the status 400 unless `STATUS` does. `message` is the
    text, and as an attribute of the class the text used where none is given. Further members of the error's shape are
    keyword arguments.
    """

    CODE: ClassVar[str | None] = None
    STATUS: ClassVar[int] = 400
    MESSAGE_KEY: ClassVar[str] = "message"
    """The member that carries the text; a few errors of AWS's front end spell it `Message`."""

    message: str | None = None

    def __init__(self, message: str | None = None, **members: Any) -> None:
        self.message = type(self).message if message is None else message
        self.members = members
        super().__init__(self.code if self.message is None else self.message)

    @property
    def code(self) -> str:
        return type(self).CODE or type(self).__name__

    @property
    def status(self) -> int:
        return type(self).STATUS

    def to_document(self) -> dict[str, Any]:
        """The body of the answer: `__type`, the text where there is one, and what else the error's shape has."""
        document: dict[str, Any] = {"__type": self.code}
        if self.message is not None:
            document[self.MESSAGE_KEY] = self.message
        document.update((name, value) for name, value in self.members.items() if value is not None)
        return document


class UnknownOperationException(AwsError):
    """The target names no operation of the service; AWS says nothing more."""


class SerializationException(AwsError):
    """The body is no JSON (then without a text), or a member has the wrong JSON type."""


class MissingAuthenticationTokenException(AwsError):
    message = "Missing Authentication Token"


class IncompleteSignatureException(AwsError):
    """The Authorization header lacks something, and the text says what."""


class InvalidSignatureException(AwsError):
    message = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


class UnrecognizedClientException(AwsError):
    message = "The security token included in the request is invalid."


class InternalFailure(AwsError):
    """An error of the emulator's own, where no service can be named."""

    STATUS = 500


class ServerException(AwsError):
    """An error of the emulator's own, as the services word it."""

    STATUS = 500
    message = "Service Unavailable. Please try again later."


class NotBuilt(AwsError):
    """The model has the operation and the emulator does not; never an empty success. Clients do not retry a 501."""

    CODE = "NotImplementedException"
    STATUS = 501

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(f"The operation {service}:{operation} is not built in this emulator yet.")
