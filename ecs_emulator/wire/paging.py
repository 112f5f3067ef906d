"""A page token is a bookmark, not a count: it says which item was last, sealed so that only its own question opens it.

What comes or goes between two pages moves nothing: the next begins behind the last item, whether that still exists or
not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ecs_emulator.wire import encoding
from ecs_emulator.wire.tokens import Scalar

if TYPE_CHECKING:
    from ecs_emulator.wire.call import Call, Params

T = TypeVar("T")
Cursor = Scalar | tuple[Scalar, ...]
"""The ordering value, or values, of an item."""
Fetch = Callable[[tuple[Scalar, ...] | None, int], Sequence[T]]
"""At most so many items behind these ordering values, or from the beginning."""


class BadPageSize(Exception):
    """A page size that the operation does not offer. `dispatch` lets the service word it."""

    def __init__(self, member: str, maximum: int) -> None:
        super().__init__(member, maximum)
        self.member = member
        self.maximum = maximum


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
