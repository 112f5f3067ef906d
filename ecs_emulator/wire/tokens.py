"""Page tokens: a place in an answer, sealed so that only its own question opens it."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

from ecs_emulator.wire import encoding

Scalar = str | int | float | bool | None

_SEAL_BYTES = 16


class BadToken(Exception):
    """A token that this question did not get from here. `dispatch` lets the service word it."""


class Tokens:
    """Seals and opens page tokens. They live as long as the key: keep it with the data, and they outlive a restart."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def seal(self, question: bytes, cursor: tuple[Scalar, ...]) -> str:
        """The token for this place in the answer to this question: letters, digits, `-` and `_`."""
        return self._token(question, encoding.encode(cursor)).decode("ascii")

    def open(self, question: bytes, token: str) -> tuple[Scalar, ...]:
        """The place that a token for this question stands for; BadToken if it is none."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadToken from None
        place = sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(token.encode("ascii"), self._token(question, place)):
            raise BadToken
        return tuple(encoding.decode(place))

    def _token(self, question: bytes, place: bytes) -> bytes:
        # The question's length keeps question and place apart: what ends one can not begin the other.
        seal = hmac.digest(self._key, b"%d:%b%b" % (len(question), question, place), "sha256")[:_SEAL_BYTES]
        return base64.urlsafe_b64encode(seal + place).rstrip(b"=")
