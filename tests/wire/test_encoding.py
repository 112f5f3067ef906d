"""With and without orjson the same bodies are read, refused and written."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_emulator.wire import encoding

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(documents)
def test_both_read_what_both_write(document: object) -> None:
    for encode in (orjson.dumps, encoding.standard_encode):
        for decode in (orjson.loads, encoding.standard_decode):
            assert decode(encode(document)) == document


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"{", b"nan", b"NaN", b"[Infinity]", b"1e999", b'"\xff"', b'"\\ud800"', b"\xef\xbb\xbf{}", b"[" * 5000],
)
def test_both_refuse_the_same(text: bytes) -> None:
    for decode in (orjson.loads, encoding.standard_decode):
        with pytest.raises(ValueError):
            decode(text)


def test_neither_writes_what_is_not_json() -> None:
    with pytest.raises(ValueError):
        encoding.standard_encode(math.inf)
    assert encoding.standard_encode({"é": [1, None]}) == '{"é":[1,null]}'.encode()


def test_of_equal_keys_the_last_counts_for_both() -> None:
    for decode in (orjson.loads, encoding.standard_decode):
        assert decode(b'{"a":1,"a":2}') == {"a": 2}
