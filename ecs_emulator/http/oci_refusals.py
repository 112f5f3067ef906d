"""How the registry says no: one table from what went wrong to the status and code that docker understands."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from ecs_emulator.http.exchange import MalformedRequest
from ecs_emulator.registry import errors
from ecs_emulator.registry.blobs import DigestMismatch, UploadBusy
from ecs_emulator.registry.uploads import OutOfOrder, SizeLie
from ecs_emulator.wire.errors import AwsError

log = logging.getLogger(__name__)

VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
JSON = ("Content-Type", "application/json; charset=utf-8")

_CODES: Sequence[tuple[type[Exception], int, str]] = (
    (errors.RepositoryNotFoundException, 404, "NAME_UNKNOWN"),
    (errors.ImageTagAlreadyExistsException, 400, "TAG_INVALID"),
    (errors.ImageDigestDoesNotMatchException, 400, "DIGEST_INVALID"),
    (errors.LayersNotFoundException, 404, "BLOB_UPLOAD_UNKNOWN"),  # ECR's own choice of code
    (errors.ReferencedImagesNotFoundException, 404, "MANIFEST_BLOB_UNKNOWN"),
    (errors.UploadNotFoundException, 404, "BLOB_UPLOAD_UNKNOWN"),
    (errors.InvalidParameterException, 405, "UNSUPPORTED"),  # likewise
    (AwsError, 400, "UNKNOWN"),
    (OutOfOrder, 416, "BLOB_UPLOAD_INVALID"),
    (UploadBusy, 416, "BLOB_UPLOAD_INVALID"),
    (SizeLie, 400, "SIZE_INVALID"),
    (DigestMismatch, 400, "DIGEST_INVALID"),
    (MalformedRequest, 400, "BLOB_UPLOAD_INVALID"),
    (OSError, 500, "UNKNOWN"),
)
"""First match wins."""


class Refusal(Exception):
    """An answer of the registry that is not what was asked for."""

    def __init__(
        self, status: int, code: str, message: str, headers: Sequence[tuple[str, str]] = (), plain: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.plain = plain
        self.extra_headers = headers

    @property
    def headers(self) -> list[tuple[str, str]]:
        kind = ("Content-Type", "text/plain; charset=utf-8") if self.plain else JSON
        return [kind, VERSION, *self.extra_headers]

    @property
    def content(self) -> bytes:
        if self.plain:
            return f"{self.message}\n".encode()
        document = {"errors": [{"code": self.code, "message": self.message}]}
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def refusal(error: Exception) -> Refusal:
    """The answer to a request that ended in this error; what is in no row of the table is our own fault, and logged."""
    if isinstance(error, Refusal):
        return error
    for kind, status, code in _CODES:
        if isinstance(error, kind):
            if status >= 500:
                log.error("the registry failed: %s", error)
            return Refusal(status, code, _message(error))
    log.error("the registry failed", exc_info=error)
    return Refusal(500, "UNKNOWN", "the registry failed; its log says why")


def _message(error: Exception) -> str:
    match error:
        case OutOfOrder():
            return f"the next chunk begins at byte {error.offset}"
        case UploadBusy():
            return "another request is writing to this upload"
        case SizeLie():
            return "provided length did not match content length"
        case DigestMismatch():
            return f"provided digest did not match uploaded content, which is {error}"
        case OSError():
            return f"the registry could not write: {error.strerror or error}"
        case _:
            return str(error)


def digest_invalid(text: str) -> Refusal:
    return Refusal(400, "DIGEST_INVALID", f"'{text}' is not a digest")


def name_invalid(name: str) -> Refusal:
    return Refusal(400, "NAME_INVALID", f"'{name}' is not a repository name")


def unsupported(method: str) -> Refusal:
    return Refusal(405, "UNSUPPORTED", f"{method} is not supported here")
