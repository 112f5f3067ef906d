"""Events in and out: what is rejected, and that pages put together are the whole, each event once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecs_emulator.logs import events, files, retention
from ecs_emulator.store import Store
from tests.logs.conftest import START, Logs, Refusal

HOUR = 3_600_000
DAY = 24 * HOUR
INVALID = "InvalidParameterException"
ONE_OF = {"logGroupName": "g", "logStreamName": "s"}


@pytest.fixture
def stream(logs: Logs) -> Logs:
    logs("CreateLogGroup", logGroupName="g")
    logs("CreateLogStream", **ONE_OF)
    return logs


def refused(logs: Logs, operation: str, **params: Any) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        logs(operation, **params)
    return refusal.value.args


def put_refused(logs: Logs, *batch: tuple[int, str]) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        logs.put("g", "s", *batch)
    return refusal.value.args


def read(logs: Logs, **params: Any) -> list[str]:
    return [event["message"] for event in logs("GetLogEvents", **ONE_OF, startFromHead=True, **params)["events"]]


# --- PutLogEvents -----------------------------------------------------------------------------------------------------


def test_a_batch_is_stored_and_told_by_a_sequence_token_that_nobody_needs(stream: Logs) -> None:
    answer = stream.put("g", "s", (stream.now, "a"))
    assert list(answer) == ["nextSequenceToken"]
    assert len(answer["nextSequenceToken"]) == 56
    event = {"timestamp": stream.now, "message": "a"}
    stream("PutLogEvents", **ONE_OF, logEvents=[event], sequenceToken="garbage")
    assert read(stream) == ["a", "a"]


def test_a_batch_out_of_order_is_refused_whole(stream: Logs) -> None:
    assert put_refused(stream, (stream.now, "a"), (stream.now - 1, "b")) == (
        INVALID,
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
    assert read(stream) == []


def test_a_batch_spans_a_day_and_not_a_millisecond_more(stream: Logs) -> None:
    stream.put("g", "s", (stream.now - DAY, "a"), (stream.now, "b"))
    assert put_refused(stream, (stream.now - DAY - 1, "a"), (stream.now, "b")) == (
        INVALID,
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
    )
    answer = stream.put("g", "s", (stream.now - 20 * DAY, "too old"), (stream.now, "c"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert read(stream) == ["a", "b", "c"]


def test_events_out_of_the_window_are_left_out_and_told(stream: Logs) -> None:
    now = stream.now
    stream("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    answer = stream.put(
        "g", "s",
        (now - 15 * DAY, "older"), (now - 2 * DAY, "expired"), (now - HOUR, "kept"),
        (now + 2 * HOUR, "ahead"), (now + 2 * HOUR + 1, "too new"),
    )  # fmt: skip
    assert answer["rejectedLogEventsInfo"] == {
        "tooNewLogEventStartIndex": 4,
        "tooOldLogEventEndIndex": 1,
        "expiredLogEventEndIndex": 2,
    }
    assert read(stream) == ["kept", "ahead"]


def test_a_batch_of_which_nothing_is_left_is_no_error_and_leaves_no_trace(stream: Logs) -> None:
    assert stream.put("g", "s", (stream.now - 15 * DAY, "x"))["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert "lastEventTimestamp" not in stream("DescribeLogStreams", logGroupName="g")["logStreams"][0]


def test_a_batch_holds_a_mebibyte_counting_26_bytes_for_each_event(stream: Logs) -> None:
    stream.put("g", "s", (stream.now, "x" * (1_048_576 - 26)))
    assert put_refused(stream, (stream.now, "x" * (1_048_576 - 24))) == (
        INVALID,
        "Log event too large: 1048578 bytes exceeds limit of 1048576",
    )
    assert put_refused(stream, (stream.now, "é" * 262_144), (stream.now, "x" * 524_288))[1] == (
        "Upload too large: 1048628 bytes exceeds limit of 1048576"
    )


# --- GetLogEvents -----------------------------------------------------------------------------------------------------


def test_an_event_has_its_time_its_message_and_the_time_it_came_in(stream: Logs) -> None:
    stream.put("g", "s", (stream.now - 7, "a"))
    assert stream("GetLogEvents", **ONE_OF)["events"] == [
        {"timestamp": stream.now - 7, "message": "a", "ingestionTime": stream.now}
    ]


def test_the_last_page_comes_first_and_is_itself_ascending(stream: Logs) -> None:
    stream.put("g", "s", *[(stream.now + number, str(number)) for number in range(5)])
    page = stream("GetLogEvents", **ONE_OF, limit=2)
    assert [event["message"] for event in page["events"]] == ["3", "4"]
    page = stream("GetLogEvents", **ONE_OF, limit=2, nextToken=page["nextBackwardToken"])
    assert [event["message"] for event in page["events"]] == ["1", "2"]
    forwards = stream("GetLogEvents", **ONE_OF, limit=2, startFromHead=True, nextToken=f"f/{0:056d}/s")
    assert [event["message"] for event in forwards["events"]] == ["0", "1"]


def test_a_page_has_the_same_tokens_whichever_way_it_was_reached(stream: Logs) -> None:
    stream.put("g", "s", *[(stream.now + number, str(number)) for number in range(6)])
    first = stream("GetLogEvents", **ONE_OF, limit=2, startFromHead=True)
    second = stream("GetLogEvents", **ONE_OF, limit=2, nextToken=first["nextForwardToken"])
    third = stream("GetLogEvents", **ONE_OF, limit=2, nextToken=second["nextForwardToken"])
    assert stream("GetLogEvents", **ONE_OF, limit=2, nextToken=third["nextBackwardToken"]) == second
    assert stream("GetLogEvents", **ONE_OF, limit=2) == third


def test_the_end_is_where_the_token_that_was_sent_comes_back(stream: Logs) -> None:
    stream.put("g", "s", (stream.now, "a"))
    page = stream("GetLogEvents", **ONE_OF, startFromHead=True)
    token = page["nextForwardToken"]
    end = stream("GetLogEvents", **ONE_OF, startFromHead=True, nextToken=token)
    assert (end["events"], end["nextForwardToken"], end["nextBackwardToken"]) == ([], token, "b" + token[1:])
    stream.put("g", "s", (stream.now, "b"))
    assert read(stream, nextToken=token) == ["b"]


def test_with_a_range_the_first_empty_page_has_the_border_as_token_and_the_second_the_same(stream: Logs) -> None:
    start, end = stream.now - 10, stream.now + 10
    stream.put("g", "s", (stream.now, "a"))
    page = stream("GetLogEvents", **ONE_OF, startTime=start, endTime=end, startFromHead=True)
    empty = stream("GetLogEvents", **ONE_OF, startTime=start, endTime=end, nextToken=page["nextForwardToken"])
    border = (end << 144) + 0x7FFF_FFFF_FFFF_FFFF_7FFF_FFFF_FFFF_FFFF_7FFF
    assert empty["events"] == []
    assert empty["nextForwardToken"] == f"f/{border}/s"
    assert empty["nextBackwardToken"] == "b" + page["nextForwardToken"][1:]
    again = stream("GetLogEvents", **ONE_OF, startTime=start, endTime=end, nextToken=empty["nextForwardToken"])
    assert again["nextForwardToken"] == empty["nextForwardToken"]
    before = stream("GetLogEvents", **ONE_OF, startTime=start, endTime=end, nextToken=page["nextBackwardToken"])
    assert before["nextBackwardToken"] == f"b/{start << 144}/s"
    assert before["nextForwardToken"] == "f" + page["nextBackwardToken"][1:]


def test_an_empty_range_or_stream_still_has_both_tokens(stream: Logs) -> None:
    empty = stream("GetLogEvents", **ONE_OF, startFromHead=True)
    assert empty["events"] == []
    stream.put("g", "s", (stream.now, "a"))
    assert read(stream, nextToken=empty["nextForwardToken"]) == ["a"]
    assert read(stream, startTime=stream.now, endTime=stream.now) == []
    assert read(stream, startTime=stream.now, endTime=stream.now + 1) == ["a"]
    ranged = stream("GetLogEvents", **ONE_OF, startTime=5, endTime=9)
    assert ranged["nextBackwardToken"] == f"b/{5 << 144:056d}/s"


def test_a_token_of_nobody_is_refused(stream: Logs) -> None:
    for token in ("x", "f/12/s", "g/" + "0" * 56 + "/s", "f/" + "٣" * 56 + "/s"):
        refusal = refused(stream, "GetLogEvents", **ONE_OF, nextToken=token)
        assert refusal == (INVALID, "The specified nextToken is invalid.")
        refusal = refused(stream, "FilterLogEvents", logGroupName="g", nextToken=token)
        assert refusal == (INVALID, "The specified nextToken is invalid.")


def test_a_page_holds_a_mebibyte(stream: Logs) -> None:
    for _ in range(3):
        stream.put("g", "s", (stream.now, "x" * 500_000))
    page = stream("GetLogEvents", **ONE_OF, startFromHead=True)
    assert len(page["events"]) == 2
    assert len(stream("GetLogEvents", **ONE_OF, nextToken=page["nextForwardToken"])["events"]) == 1


# --- FilterLogEvents --------------------------------------------------------------------------------------------------


def filtered(logs: Logs, **params: Any) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = logs("FilterLogEvents", logGroupName="g", **params, **token)
        assert page["searchedLogStreams"] == []
        yield from page["events"]
        if "nextToken" not in page:
            return
        token = {"nextToken": page["nextToken"]}


def test_streams_are_woven_into_one_row_of_time(stream: Logs) -> None:
    stream("CreateLogStream", logGroupName="g", logStreamName="t")
    stream.put("g", "s", (stream.now, "a"), (stream.now + 2, "c"))
    stream.put("g", "t", (stream.now + 1, "b"), (stream.now + 3, "d"))
    found = list(filtered(stream))
    assert [(event["logStreamName"], event["message"]) for event in found] == [
        ("s", "a"), ("t", "b"), ("s", "c"), ("t", "d"),
    ]  # fmt: skip
    assert sorted(found[0]) == ["eventId", "ingestionTime", "logStreamName", "message", "timestamp"]
    only = [event["message"] for event in filtered(stream, logStreamNames=["t"])]
    assert only == [event["message"] for event in filtered(stream, logStreamNamePrefix="t")] == ["b", "d"]
    newest = [event["message"] for event in filtered(stream, startFromHead=False, startTime=stream.now, limit=3)]
    assert newest == ["d", "c", "b", "a"]


def test_a_page_that_held_every_match_still_has_a_token(stream: Logs) -> None:
    stream.put("g", "s", (stream.now, "a"))
    page = stream("FilterLogEvents", logGroupName="g")
    assert len(page["events"]) == 1
    following = stream("FilterLogEvents", logGroupName="g", nextToken=page["nextToken"])
    assert following == {"events": [], "searchedLogStreams": []}


def test_the_event_id_is_the_position_in_the_tokens_of_get_log_events(stream: Logs) -> None:
    stream.put("g", "s", (stream.now, "a"))
    (event,) = filtered(stream)
    assert stream("GetLogEvents", **ONE_OF)["nextForwardToken"] == f"f/{event['eventId']}/s"
    assert int(event["eventId"]) >> 144 == stream.now
    assert len(event["eventId"]) == 56


def test_equal_events_of_two_streams_have_ids_of_their_own(stream: Logs) -> None:
    for name in ("t", "u", "v"):
        stream("CreateLogStream", logGroupName="g", logStreamName=name)
    for name in ("s", "t", "u", "v"):
        stream.put("g", name, (stream.now, "a"))
    assert len({event["eventId"] for event in filtered(stream)}) == 4


def test_a_pattern_chooses_and_pages_may_be_empty_on_the_way(stream: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SCAN_BYTES", 100)
    stream.put("g", "s", *[(stream.now + number, "x" * 60) for number in range(9)], (stream.now + 9, "ERROR one"))
    assert "nextToken" in stream("FilterLogEvents", logGroupName="g", filterPattern="ERROR")
    assert [event["message"] for event in filtered(stream, filterPattern="ERROR")] == ["ERROR one"]
    assert refused(stream, "FilterLogEvents", logGroupName="g", filterPattern="ERR*") == (
        INVALID,
        "Invalid character(s) in term '*'",
    )


def test_contradictory_filters_are_refused(stream: Logs) -> None:
    both = {"logStreamNames": ["s"], "logStreamNamePrefix": "s"}
    assert refused(stream, "FilterLogEvents", logGroupName="g", **both)[0] == INVALID
    assert refused(stream, "FilterLogEvents", logGroupName="g", startFromHead=False, startTime=1)[0] == INVALID


def test_a_metric_filter_is_tried_on_messages(stream: Logs) -> None:
    tried = stream("TestMetricFilter", filterPattern="ERROR", logEventMessages=["ok", "an ERROR"])
    assert tried["matches"] == [{"eventNumber": 2, "eventMessage": "an ERROR", "extractedValues": {}}]
    assert refused(stream, "TestMetricFilter", filterPattern="{ $.v == 1 }", logEventMessages=["x"]) == (
        INVALID,
        "Invalid metric filter pattern",
    )


# --- retention --------------------------------------------------------------------------------------------------------


def test_expired_events_are_not_shown_and_then_removed(stream: Logs) -> None:
    stream.put("g", "s", (stream.now, "old"))
    stream("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    stream.clock.advance(DAY / 1000 + 1)
    stream.put("g", "s", (stream.now, "new"))
    assert read(stream) == ["new"] == [event["message"] for event in filtered(stream)]
    assert retention.sweep(stream.store, stream.data_dir, stream.clock.now()) == 0
    stream.clock.advance(3 * DAY / 1000)
    assert retention.sweep(stream.store, stream.data_dir, stream.clock.now()) == 1
    assert read(stream) == []
    stream.put("g", "s", (stream.now, "newer"))
    assert read(stream) == ["newer"]


# --- every event once -------------------------------------------------------------------------------------------------


@given(
    batches=st.lists(
        st.tuples(st.sampled_from("st"), st.lists(st.integers(0, 20), min_size=1, max_size=5), st.integers(0, 3)),
        max_size=8,
    ),
    limit=st.integers(1, 7),
    window=st.tuples(st.integers(0, 21), st.integers(0, 21)),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_pages_put_together_are_the_whole_in_every_way_of_reading(
    batches: list[tuple[str, list[int], int]], limit: int, window: tuple[int, int]
) -> None:
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "SEGMENT_BYTES", 20)
        store = Store(Path(root), durable=False)
        logs = Logs(store, Path(root))
        logs("CreateLogGroup", logGroupName="g")
        logs("CreateLogStream", logGroupName="g", logStreamName="s")
        logs("CreateLogStream", logGroupName="g", logStreamName="t")
        base = int(START * 1000)
        expected: list[tuple[int, int, str, str]] = []
        for name, times, later in batches:
            logs.clock.advance(later)
            batch = [(base + time, f"{len(expected)}.{place}") for place, time in enumerate(sorted(times))]
            logs.put("g", name, *batch)
            expected += [(time, logs.now, name, message) for time, message in batch]
        start, end = base + window[0], base + window[1]
        expected = [each for each in expected if start <= each[0] < end]
        asked = {"startTime": start, "endTime": end, "limit": limit}
        together = [(event["timestamp"], event["message"]) for event in filtered(logs, **asked)]
        assert sorted(together) == sorted((time, message) for time, _, _, message in expected)
        assert [time for time, _ in together] == sorted(time for time, _ in together)
        backwards = [(event["timestamp"], event["message"]) for event in filtered(logs, **asked, startFromHead=False)]
        assert backwards == together[::-1]
        one = [(event["timestamp"], event["message"]) for event in filtered(logs, **asked, logStreamNames=["s"])]
        assert walked(logs, asked, forwards=True) == one
        assert walked(logs, asked, forwards=False) == one
        store.close()


def walked(logs: Logs, asked: dict[str, int], *, forwards: bool) -> list[tuple[int, str]]:
    """All of stream `s` by the tokens of GetLogEvents, as clients walk: until the token that was sent comes back."""
    found: list[tuple[int, str]] = []
    member = "nextForwardToken" if forwards else "nextBackwardToken"
    page = logs("GetLogEvents", **ONE_OF, **asked, startFromHead=forwards)
    sent = None
    while page[member] != sent:
        listed = [(event["timestamp"], event["message"]) for event in page["events"]]
        found = found + listed if forwards else listed + found
        sent = page[member]
        page = logs("GetLogEvents", **ONE_OF, **asked, startFromHead=forwards, nextToken=sent)
        assert page["events"] == [] or page[member] != sent
    return found
