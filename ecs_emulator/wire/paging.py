"""A page token is a bookmark, not a count: it says which item was last, sealed so that only its own question opens it.

What comes or goes between two pages moves nothing: the next begins behind the last item, whether that still exists or
not.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ecs_emulator.wire import encoding

if TYPE_CHECKING:
    from ecs_emulator.wire.call import Call, Params

T = TypeVar("T")
Scalar = str | int | float | bool | None
Cursor = Scalar | tuple[Scalar, ...]
"""The ordering value, or values, of an item."""
Fetch = Callable[[tuple[Scalar, ...] | None, int], Sequence[T]]
"""At most so many items behind these ordering values, or from the beginning."""

_SEAL_BYTES = 16


class BadToken(Exception):
    """A token that this question did not get from here. `dispatch` lets the service word it."""


class BadPageSize(Exception):
    """A page size that the operation does not offer. `dispatch` lets the service word it."""

    def __init__(self, member: str, maximum: int) -> None:
        super().__init__(member, maximum)
        self.member = member
        self.maximum = maximum


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


def page(
    call: Call,
    params: Params,
    fetch: Fetch[T],
    cursor: Callable[[T], Cursor],
    *,
    default: int,
    maximum: int,
    max_key: str = "maxResults",
    token_key: str = "nextToken",
) -> tuple[list[T], str | None]:
    """One page of a listing, and the token of the next: None on the last page.

    `fetch(after, limit)` gives items in their order, those behind the ordering values `after`; `cursor(item)` is an
    item's ordering value. The token serves the same operation with the same other parameters in the same world only.
    """
    size = params.get(max_key, default)
    if not 1 <= size <= maximum:
        raise BadPageSize(max_key, maximum)
    token = params.get(token_key)
    question = _question(call, params, max_key, token_key)
    after = None if token is None else call.tokens.open(question, token)
    items = list(fetch(after, size + 1))
    if len(items) <= size:
        return items, None
    items = items[:size]
    last = cursor(items[-1])
    return items, call.tokens.seal(question, last if isinstance(last, tuple) else (last,))


def among(items: Iterable[T], cursor: Callable[[T], Cursor]) -> Fetch[T]:
    """The `fetch` of items that are all in memory already; they are put in the order of their cursors."""

    def place(item: T) -> tuple[Any, ...]:
        value = cursor(item)
        return value if isinstance(value, tuple) else (value,)

    def fetch(after: tuple[Scalar, ...] | None, limit: int) -> list[T]:
        ordered = sorted(items, key=place)
        return [item for item in ordered if after is None or place(item) > after][:limit]

    return fetch


def _question(call: Call, params: Params, max_key: str, token_key: str) -> bytes:
    filters = sorted((name, value) for name, value in params.items() if name not in (max_key, token_key))
    return encoding.encode([call.operation, call.world.account, call.world.region, filters])
