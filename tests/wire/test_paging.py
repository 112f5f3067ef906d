"""Pages follow each other whatever happens between them, and a token opens nothing but its own question."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecs_emulator.arns import World
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.store import Store
from ecs_emulator.wire.call import Call
from ecs_emulator.wire.paging import BadPageSize, among, page
from ecs_emulator.wire.tokens import BadToken, Scalar, Tokens
from tests.wire.calls import WORLD, context

Page = tuple[list[str], str | None]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("store"), durable=False)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def call(store: Store) -> Iterator[Call]:
    with store.snapshot() as tx:
        yield Call.of(context(store, Path("unused")), "ListThings", tx)


def listed(call: Call, names: list[str], **params: Any) -> Page:
    return page(call, params, among(names, lambda name: name), lambda name: name, default=3, maximum=5)


def walked(call: Call, names: list[str], **params: Any) -> list[list[str]]:
    pages, token = [], None
    while True:
        items, token = listed(call, names, **(params if token is None else params | {"nextToken": token}))
        pages.append(items)
        if token is None:
            return pages


def test_the_last_page_has_no_token(call: Call) -> None:
    assert listed(call, []) == ([], None)
    assert listed(call, ["a", "b", "c"]) == (["a", "b", "c"], None)
    items, token = listed(call, ["a", "b", "c", "d"])
    assert items == ["a", "b", "c"]
    assert token
    assert listed(call, ["a", "b", "c", "d"], nextToken=token) == (["d"], None)


@given(names=st.lists(st.text(max_size=3), unique=True), size=st.integers(1, 5))
def test_the_pages_together_are_all_items_once_and_in_order(call: Call, names: list[str], size: int) -> None:
    pages = walked(call, names, maxResults=size)
    assert [name for items in pages for name in items] == sorted(names)
    assert all(len(items) == size for items in pages[:-1])


@given(names=st.lists(st.text(min_size=1, max_size=3), unique=True, min_size=4), data=st.data())
def test_what_comes_and_goes_between_pages_moves_nothing(call: Call, names: list[str], data: st.DataObject) -> None:
    first, token = listed(call, names)
    gone = data.draw(st.sets(st.sampled_from(names)))
    new = data.draw(st.sets(st.text(min_size=1, max_size=3)))
    now = sorted((set(names) - gone) | new)
    rest = [name for items in walked(call, now, **({"nextToken": token} if token else {})) for name in items]
    assert rest == now[bisect.bisect_right(now, first[-1]) :]


def test_a_cursor_of_several_values_continues_in_the_middle_of_equal_firsts(store: Store, tmp_path: Path) -> None:
    records = [
        Cluster(f"arn:{n}", WORLD.account, WORLD.region, f"n{n // 2}", ClusterStatus.ACTIVE, 0.0, {}) for n in range(5)
    ]
    seen: list[str] = []
    with store.transaction() as tx:
        tx.put(*records)
        call = Call.of(context(store, tmp_path), "ListClusters", tx)

        def fetch(after: tuple[Scalar, ...] | None, limit: int) -> list[Cluster]:
            return call.find(Cluster, order="name,arn", after=after, limit=limit, account=WORLD.account)

        token = None
        while token is not None or not seen:
            items, token = page(
                call,
                {"maxResults": 1} | ({"nextToken": token} if token else {}),
                fetch,
                lambda cluster: (cluster.name, cluster.arn),
                default=1,
                maximum=1,
            )
            seen.extend(cluster.arn for cluster in items)
        tx.delete(*records)
    assert seen == [record.arn for record in records]


@pytest.mark.parametrize("size", [0, -1, 6])
def test_a_page_size_out_of_bounds_is_refused(call: Call, size: int) -> None:
    with pytest.raises(BadPageSize) as caught:
        listed(call, [], maxResults=size)
    assert (caught.value.member, caught.value.maximum) == ("maxResults", 5)


def token_of(call: Call, **params: Any) -> str:
    token = listed(call, ["a", "b", "c", "d"], **params)[1]
    assert token is not None
    return token


@given(st.text(max_size=60))
def test_a_token_made_up_is_refused(call: Call, token: str) -> None:
    with pytest.raises(BadToken):
        listed(call, ["a"], nextToken=token)


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_is_refused(call: Call, place: int, other: str) -> None:
    token = token_of(call)
    place %= len(token)
    changed = token[:place] + other + token[place + 1 :]
    assume(changed != token)
    with pytest.raises(BadToken):
        listed(call, ["a"], nextToken=changed)


def test_a_token_cut_or_lengthened_is_refused(call: Call) -> None:
    token = token_of(call)
    for changed in (token[:-4], token[4:], token + "AAAA", "", token + "=", token + " "):
        with pytest.raises(BadToken):
            listed(call, ["a"], nextToken=changed)


def test_a_token_serves_other_page_sizes_but_no_other_filters(call: Call) -> None:
    token = token_of(call, family="web", tags=["x"])
    assert listed(call, ["a", "d", "e"], family="web", tags=["x"], maxResults=1, nextToken=token)[0] == ["d"]
    for filters in ({}, {"family": "web"}, {"family": "api", "tags": ["x"]}, {"family": "web", "tags": []}):
        with pytest.raises(BadToken):
            listed(call, ["a"], **filters, nextToken=token)


def test_a_token_serves_no_other_operation_world_or_key(call: Call, store: Store) -> None:
    token = token_of(call)
    here = context(store, Path("unused"))
    others = [
        Call.of(here, "ListOthers", call.tx),
        Call.of(context(store, Path("unused"), world=World("999999999999", "us-east-1")), "ListThings", call.tx),
        Call.of(context(store, Path("unused"), world=World(WORLD.account, "eu-west-1")), "ListThings", call.tx),
        Call.of(context(store, Path("unused"), tokens=Tokens()), "ListThings", call.tx),
    ]
    for other in others:
        with pytest.raises(BadToken):
            listed(other, ["a"], nextToken=token)
    again = Call.of(context(store, Path("unused"), tokens=Tokens(b"key")), "ListThings", call.tx)
    assert listed(again, ["a", "d"], nextToken=token) == (["d"], None)


def test_other_members_may_carry_size_and_token(call: Call) -> None:
    fetch = among(["a", "b", "c"], lambda name: name)
    items, token = page(
        call, {"limit": 2}, fetch, lambda name: name, default=50, maximum=50, max_key="limit", token_key="token"
    )
    assert items == ["a", "b"]
    params = {"limit": 2, "token": token}
    assert page(call, params, fetch, str, default=50, maximum=50, max_key="limit", token_key="token") == (["c"], None)


@given(st.lists(st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)))
def test_a_token_gives_back_the_very_values_sealed_in_it(values: list[Scalar]) -> None:
    tokens = Tokens()
    assert tokens.open(b"q", tokens.seal(b"q", tuple(values))) == tuple(values)
