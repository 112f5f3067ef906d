"""However the bytes are cut and wherever it is interrupted: every line once, in order."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecs_emulator.agent.docker.log_stream import (
    MAX_EVENT_BYTES,
    OVERLAP_NS,
    STDERR,
    STDOUT,
    Frames,
    Garbled,
    Lines,
    Record,
    Response,
    Terminal,
    accumulated,
)
from ecs_emulator.logs.files import UNREAD, Bookmark, Entry, Mark

NS = 1_750_000_000_000_000_000
NOTHING = Bookmark(7)


def stamp(ns: int) -> bytes:
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09d}Z".encode()


def frame(output: int, ns: int, content: bytes) -> bytes:
    stamped = stamp(ns) + b" " + content
    return struct.pack(">BxxxL", output, len(stamped)) + stamped


def chunked(*parts: bytes, end: bool = True) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if end else b"")


def pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[start:end] for start, end in pairwise(places)]


records = st.lists(
    st.tuples(st.sampled_from([STDOUT, STDERR]), st.integers(0, 10**10), st.binary(max_size=12)).map(
        lambda each: Record(each[0], NS + each[1], each[2])
    ),
    max_size=6,
)


@given(
    records=records, cuts=st.lists(st.integers(0, 400), max_size=8), chunks=st.lists(st.integers(0, 400), max_size=4)
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_frames_are_put_together_wherever_they_are_cut(
    records: list[Record], cuts: list[int], chunks: list[int]
) -> None:
    body = b"".join(frame(*record) for record in records)
    answer = chunked(*filter(None, pieces(body, chunks)))
    response, frames = Response(), Frames()
    found: list[Record] = []
    for piece in pieces(answer, cuts):
        found += frames.feed(response.feed(piece))
    assert found == records
    assert response.status == 200
    assert response.ended


def test_an_answer_that_breaks_off_has_not_ended() -> None:
    response = Response()
    response.feed(chunked(b"x" * 20, end=False))
    assert not response.ended


def test_a_refusal_ends_with_its_length() -> None:
    response = Response()
    body = response.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nsorry")
    assert (response.status, response.ended, body) == (404, True, b"sorry")


@pytest.mark.parametrize(
    "garbage", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"]
)
def test_what_is_no_answer_of_an_engine_is_refused(garbage: bytes) -> None:
    with pytest.raises(Garbled):
        Response().feed(garbage)


def test_what_is_no_log_stream_is_refused() -> None:
    with pytest.raises(Garbled):
        Frames().feed(stamp(NS) + b" terminal output\n")
    with pytest.raises(Garbled):
        Terminal().feed(frame(STDOUT, NS, b"framed\n"))


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_terminals_records_are_put_together_wherever_they_are_cut(cuts: list[int]) -> None:
    parts = [b"first\r\n", b"x" * 50, b"y" * 50, b"z\n", b"\n", b"last\n"]
    stamps = [NS, NS + 5, NS + 5, NS + 5, NS + 6, NS + 6]
    content = b"".join(stamp(ns) + b" " + part for ns, part in zip(stamps, parts, strict=True))
    terminal = Terminal()
    found = [record for piece in pieces(content, cuts) for record in terminal.feed(piece)]
    assert terminal.end() == []
    assert found == [Record(STDOUT, ns, part) for ns, part in zip(stamps, parts, strict=True)]


def test_a_terminals_last_record_needs_no_line_end() -> None:
    terminal = Terminal()
    assert terminal.feed(stamp(NS) + b" $ ") == []
    assert terminal.end() == [Record(STDOUT, NS, b"$ ")]


def messages(entries: list[Entry]) -> list[str]:
    return [entry.message for entry in entries]


def test_a_line_is_an_event_without_its_end_at_the_moment_of_its_beginning() -> None:
    lines = Lines(NOTHING, None)
    taken = lines.take([Record(STDOUT, NS, b"one\n"), Record(STDOUT, NS + 2_500_000, b"tw\xc3\xb6\r\n")])
    assert [(entry.timestamp, entry.message) for entry in taken] == [(NS // 10**6, "one"), (NS // 10**6 + 2, "twö\r")]


def test_empty_lines_are_no_events() -> None:
    assert Lines(NOTHING, None).take([Record(STDOUT, NS, b"\n")]) == []


def test_parts_of_a_line_are_joined_for_each_output_by_itself() -> None:
    lines = Lines(NOTHING, None)
    assert lines.take([Record(STDOUT, NS, b"a"), Record(STDERR, NS, b"x"), Record(STDOUT, NS, b"b")]) == []
    assert messages(lines.take([Record(STDOUT, NS, b"c\n"), Record(STDERR, NS + 1, b"y\n")])) == ["abc", "xy"]


def test_a_line_without_its_end_comes_when_the_container_is_dead() -> None:
    lines = Lines(NOTHING, None)
    assert lines.take([Record(STDOUT, NS, b"no end")]) == []
    assert messages(lines.end()) == ["no end"]
    assert lines.end() == []


def test_a_very_long_line_is_cut_between_characters_and_marked_as_read_with_its_last_part() -> None:
    text = "x" + "é" * MAX_EVENT_BYTES
    taken = Lines(NOTHING, None).take([Record(STDOUT, NS, text.encode() + b"\n")])
    assert "".join(messages(taken)) == text
    assert len(taken) == 3
    assert all(len(entry.message.encode()) <= MAX_EVENT_BYTES for entry in taken)
    assert [entry.bookmark.stdout for entry in taken] == [UNREAD, UNREAD, Mark(NS, 1)]


def test_a_line_without_end_does_not_grow_for_ever() -> None:
    lines = Lines(NOTHING, None)
    part = Record(STDOUT, NS, b"x" * 16_384)
    assert sum(len(message) for message in messages(lines.take([part] * 100))) >= 84 * 16_384


def test_lines_that_begin_no_event_go_on_with_the_one_before() -> None:
    lines = Lines(NOTHING, re.compile(b"^[A-Z]"))
    taken = lines.take(
        [Record(STDOUT, NS + n, text) for n, text in enumerate([b"Error\n", b" at a\n", b"\n", b"Next\n"])]
    )
    assert messages(taken) == ["Error\n at a\n"]
    assert taken[0].bookmark.stdout == Mark(NS + 2, 1)
    assert lines.settles
    assert messages(lines.settle()) == ["Next"]
    assert not lines.settles


def test_an_open_event_is_not_longer_than_an_event_may_be() -> None:
    lines = Lines(NOTHING, re.compile(b"never"))
    taken = lines.take([Record(STDOUT, NS + n, b"x" * 100_000 + b"\n") for n in range(3)])
    assert [len(message) for message in messages(taken)] == [200_001]


# --- interruptions ------------------------------------------------------------------------------------------------------

written = st.lists(
    st.tuples(st.sampled_from([STDOUT, STDERR]), st.integers(0, 2), st.booleans(), st.integers(-3, 3)), max_size=25
)


def engine_log(written: list[tuple[int, int, bool, int]]) -> list[Record]:
    """What the engine keeps: each output in the order of its stamps, which may repeat, the two outputs not quite."""
    latest = {STDOUT: NS, STDERR: NS}
    kept = []
    moment = NS
    for number, (output, pause, ends, jitter) in enumerate(written):
        moment += pause * 1_000_000_000
        latest[output] = max(latest[output], moment + jitter * 100_000_000)
        kept.append(Record(output, latest[output], b"%d.%s" % (number, b"\n" if ends else b"")))
    return kept


@given(written=written, stops=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.booleans()), max_size=6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_after_any_interruption_every_line_is_stored_once(
    written: list[tuple[int, int, bool, int]], stops: list[tuple[int, int, bool]]
) -> None:
    """Each stop: so many records more, all but so many of the batch on the disk, then a restart or a new connection."""
    engine = engine_log(written)
    whole = Lines(NOTHING, None)
    expected = whole.take(engine) + whole.end()
    stored: list[Entry] = []
    lines, place = Lines(NOTHING, None), 0
    for count, torn, restart in stops:
        since = lines.reconnect()
        place = min(len(engine), place + count)
        taken = lines.take(again(engine[:place], since))
        batch = accumulated(taken, stored[-1].bookmark if stored else NOTHING, lines.open_since)
        stored += batch[: max(0, len(batch) - torn)] if restart else batch
        if restart:
            lines = Lines(stored[-1].bookmark if stored else NOTHING, None)
    since = lines.reconnect()
    rest = lines.take(again(engine, since)) + lines.end()
    stored += accumulated(rest, stored[-1].bookmark if stored else NOTHING, 0)
    assert sorted(messages(stored)) == sorted(messages(expected))
    for output in (STDOUT, STDERR):
        mine = {number for number, record in enumerate(engine) if record.output == output}
        order = [int(message.split(".")[0]) for message in messages(stored)]
        assert [number for number in order if number in mine] == sorted(mine & set(order))


def again(records: list[Record], since: int) -> list[Record]:
    return [record for record in records if record.ns >= since]


@given(written=written, stops=st.lists(st.integers(1, 6), max_size=6))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_after_any_restart_every_line_of_multi_line_events_is_stored_once(
    written: list[tuple[int, int, bool, int]], stops: list[int]
) -> None:
    engine = engine_log([(output, pause, True, jitter) for output, pause, _, jitter in written])
    start = re.compile(rb"[05]\.")
    stored: list[Entry] = []
    place = 0
    for count in [*stops, len(engine)]:
        lines = Lines(stored[-1].bookmark if stored else NOTHING, start)
        place = min(len(engine), place + count)
        taken = lines.take(again(engine[:place], lines.reconnect()))
        if place == len(engine):
            taken += lines.end()
        stored += accumulated(taken, stored[-1].bookmark if stored else NOTHING, lines.open_since)
        if place == len(engine):
            break
    found = [line for entry in stored for line in entry.message.split("\n")]
    assert sorted(found) == sorted(record.content[:-1].decode() for record in engine)


def test_what_is_asked_for_again_is_a_little_more_than_what_is_new() -> None:
    lines = Lines(Bookmark(7, Mark(NS, 2), Mark(NS - 5, 1)), None)
    assert lines.reconnect() == NS - OVERLAP_NS
    known = [Record(STDOUT, NS, b"a\n"), Record(STDERR, NS - 5, b"b\n"), Record(STDOUT, NS, b"c\n")]
    assert messages(lines.take([*known, Record(STDOUT, NS, b"new\n")])) == ["new"]
