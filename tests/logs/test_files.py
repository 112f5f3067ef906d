"""Whatever the batches were, every event comes back once, in the order of its time."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecs_emulator.arns import World
from ecs_emulator.logs import files, positions
from ecs_emulator.logs.files import Bookmark, Entry, Mark

EVERYTHING = (0, positions.BEYOND_ALL)
WORLD = World("123456789012", "us-east-1")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = files.stream_directory(tmp_path, WORLD, "/ecs/web", "web/app/1")
    files.create(directory)
    return directory


def messages(directory: Path, low: int = 0, high: int = positions.BEYOND_ALL, newest_first: bool = False) -> list[str]:
    return [event.message for event in files.scan(directory, low, high, newest_first=newest_first)]


batches = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 30), st.text(max_size=5)), min_size=1, max_size=6), st.integers(0, 9)),
    max_size=12,
)


@given(batches=batches, low=st.integers(0, 31), high=st.integers(0, 31), segment=st.sampled_from([1, 40, 1 << 20]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_range_is_read_in_the_order_of_time_then_of_arrival_in_both_directions(
    batches: list[tuple[list[tuple[int, str]], int]], low: int, high: int, segment: int
) -> None:
    expected: list[tuple[int, int, int, str]] = []
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "SEGMENT_BYTES", segment)
        patched.setattr(files, "_CHUNK_RECORDS", 3)
        patched.setattr(files, "_FIRST_RECORDS", 2)
        directory = Path(root, "logs", "stream")
        files.create(directory)
        for batch, ingested in batches:
            files.append(directory, [Entry(timestamp, text) for timestamp, text in batch], ingested)
            for timestamp, text in sorted(batch, key=first):
                expected.append((timestamp, ingested, len(expected), text))
        expected.sort()
        inside = [text for timestamp, _, _, text in expected if low <= timestamp < high]
        assert messages(directory, positions.first_of(low), positions.first_of(high)) == inside
        assert messages(directory, positions.first_of(low), positions.first_of(high), True) == inside[::-1]
        extent = files.extent(directory)
        assert extent == (
            files.Extent(expected[0][0], expected[-1][0], batches[-1][1]) if expected else None
        )  # fmt: skip


def first(pair: tuple[int, str]) -> int:
    return pair[0]


def test_a_torn_last_record_is_not_there_and_the_next_writer_cuts_it_off(directory: Path) -> None:
    files.append(directory, [Entry(1, "whole")], 1)
    index = directory / f"{0:020d}.index"
    with index.open("ab") as torn:
        torn.write(b"\0" * 33)
    assert messages(directory) == ["whole"]
    files.append(directory, [Entry(2, "next")], 2)
    assert messages(directory) == ["whole", "next"]
    assert index.stat().st_size % 88 == 0


def test_a_message_that_is_not_what_its_record_says_is_passed_over(directory: Path) -> None:
    files.append(directory, [Entry(1, "one"), Entry(2, "two"), Entry(3, "three")], 1)
    log = directory / f"{0:020d}.log"
    log.write_bytes(log.read_bytes().replace(b"two", b"t\0o")[:-4])
    assert messages(directory) == ["one"]


def test_half_written_messages_without_a_record_do_no_harm(directory: Path) -> None:
    files.append(directory, [Entry(1, "one")], 1)
    with (directory / f"{0:020d}.log").open("ab") as log:
        log.write(b"half of a mess")
    files.append(directory, [Entry(2, "two\nlines"), Entry(3, "ü")], 1)
    assert messages(directory) == ["one", "two\nlines", "ü"]


def test_many_threads_write_one_stream_and_nothing_is_lost_or_torn(directory: Path) -> None:
    def write(writer: int) -> None:
        for turn in range(20):
            files.append(directory, [Entry(turn, f"{writer}-{turn}-{part}") for part in range(3)], turn)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    found = list(files.scan(directory, *EVERYTHING))
    assert sorted(event.message for event in found) == sorted(
        f"{writer}-{turn}-{part}" for writer in range(8) for turn in range(20) for part in range(3)
    )
    assert [event.position for event in found] == sorted({event.position for event in found})


def test_no_file_stays_open_between_two_events(directory: Path) -> None:
    files.append(directory, [Entry(number, "x") for number in range(5000)], 1)
    before = len(os.listdir("/proc/self/fd"))
    scanned = files.scan(directory, *EVERYTHING)
    next(scanned)
    assert len(os.listdir("/proc/self/fd")) == before
    assert sum(1 for _ in scanned) == 4999


def test_a_bookmark_is_the_last_one_of_its_container(directory: Path) -> None:
    files.append(directory, [Entry(1, "a", Bookmark(7, Mark(10, 1))), Entry(2, "b", Bookmark(8, Mark(5, 1)))], 1)
    files.append(directory, [Entry(3, "c", Bookmark(7, Mark(10, 1), Mark(30, 2), 9)), Entry(4, "put by hand")], 2)
    assert files.bookmark(directory, 7) == Bookmark(7, Mark(10, 1), Mark(30, 2), 9)
    assert files.bookmark(directory, 8) == Bookmark(8, Mark(5, 1))
    assert files.bookmark(directory, 9) == Bookmark(9)


def test_the_search_for_a_bookmark_ends_at_what_came_in_before_the_container(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_CHUNK_RECORDS", 1)
    files.append(directory, [Entry(1, "a", Bookmark(7, Mark(10, 1)))], 50)
    files.append(directory, [Entry(1, "b")], 100)
    files.append(directory, [Entry(1, "c")], 200)
    assert files.bookmark(directory, 7, not_before=150) == Bookmark(7)
    assert files.bookmark(directory, 7, not_before=50) == Bookmark(7, Mark(10, 1))


def test_a_deleted_stream_takes_no_more_events_and_a_new_one_of_its_name_is_empty(directory: Path) -> None:
    files.append(directory, [Entry(1, "old")], 1)
    files.discard(directory)
    with pytest.raises(FileNotFoundError):
        files.append(directory, [Entry(2, "late")], 1)
    assert messages(directory) == []
    assert files.extent(directory) is None
    files.create(directory)
    assert messages(directory) == []


def test_creating_over_what_an_older_stream_left_begins_empty(directory: Path) -> None:
    files.append(directory, [Entry(1, "old")], 1)
    files.create(directory)
    assert messages(directory) == []


def test_the_trash_is_emptied(tmp_path: Path, directory: Path) -> None:
    files.append(directory, [Entry(1, "old")], 1)
    files.discard(directory.parent)
    files.discard(directory.parent)
    assert len(list((tmp_path / "logs" / "trash").iterdir())) == 1
    files.empty_trash(tmp_path)
    assert not any((tmp_path / "logs" / "trash").iterdir())


def test_expired_segments_are_removed_and_ordinals_go_on(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SEGMENT_BYTES", 1)
    day = 24 * 3_600_000
    for number in range(3):
        files.append(directory, [Entry(number * day, f"day {number}")], number * day)
    assert files.expire(directory, day) == 1
    assert messages(directory) == ["day 1", "day 2"]
    assert files.expire(directory, 10 * day) == 2
    assert messages(directory) == []
    files.append(directory, [Entry(20 * day, "after")], 20 * day)
    assert messages(directory) == ["after"]
    assert [path.name for path in sorted(directory.iterdir())] == [f"{3:020d}.index", f"{3:020d}.log"]


def test_long_and_strange_names_have_places_of_their_own(tmp_path: Path) -> None:
    names = ["a" * 512, "a" * 511 + "b", "A" * 512, "x/../../y", "x", "X", "ü" * 400, ".", ".."]
    places = {files.stream_directory(tmp_path, WORLD, "g", name) for name in names}
    assert len(places) == len(names)
    for place in places:
        files.create(place)
        assert place.parent == files.group_directory(tmp_path, WORLD, "g")
