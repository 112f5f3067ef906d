"""Whose request it is: account and region stand in the credential scope, whatever the signature is worth."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from ecs_emulator.wire.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)

ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_REGION = re.compile("[a-z0-9-]{1,64}")
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")


class Scope(NamedTuple):
    """What a signed request says about itself. Nothing of it is proven until the signature is checked."""

    access_key: str
    date: str
    """`20231114`, the day of the signing key."""
    region: str
    service: str
    """The signing name: `ecs`, `ecr`, `logs`."""
    signed_headers: tuple[str, ...]
    signature: str


def scope_of(authorization: str | None, query: Mapping[str, str] | None = None) -> Scope:
    """The scope in an Authorization header, or else in the query of a presigned address.

    MissingAuthenticationTokenException where there is neither, IncompleteSignatureException or
    InvalidSignatureException where it is none of Signature Version 4.
    """
    if authorization:
        return _from_header(authorization)
    if query and "X-Amz-Credential" in query:
        return _scope(query["X-Amz-Credential"], query.get("X-Amz-SignedHeaders", ""), query.get("X-Amz-Signature", ""))
    raise MissingAuthenticationTokenException()


def account_of(access_key: str, default: str) -> str:
    """An access key of twelve digits is an account's number; any other belongs to the default account."""
    return access_key if len(access_key) == 12 and access_key.isascii() and access_key.isdigit() else default


def _from_header(authorization: str) -> Scope:
    algorithm, _, rest = authorization.strip().partition(" ")
    given = dict(part.strip().partition("=")[::2] for part in rest.split(",")) if algorithm == ALGORITHM else {}
    missing = [name for name in _PARAMETERS if not given.get(name)]
    if missing:
        raise IncompleteSignatureException(_incomplete(missing, authorization))
    return _scope(given["Credential"], given["SignedHeaders"], given["Signature"])


def _incomplete(missing: list[str], authorization: str) -> str:
    demands = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
    digest = base64.b64encode(hashlib.sha256(authorization.encode()).digest()).decode("ascii")
    return f"{demands} (Hashed with SHA-256 and encoded with Base64) Authorization={digest}"


def _scope(credential: str, signed_headers: str, signature: str) -> Scope:
    parts = credential.split("/")
    if len(parts) != 5 or not parts[0]:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{credential}'"
        )
    access_key, date, region, service, terminator = parts
    if not _REGION.fullmatch(region):
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    if terminator != _TERMINATOR:
        raise InvalidSignatureException(
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{terminator}'."
        )
    return Scope(access_key, date, region, service, tuple(filter(None, signed_headers.split(";"))), signature)
