"""The emulator's own time: faster, pushed ahead, never further than was promised, and never back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.agent.timekeeper import CLOCK_AHEAD, NotAdvanced, Timekeeper, ahead_in
from ecs_emulator.clock import LONGEST, ScaledClock, seconds_of
from ecs_emulator.control.loop import Advance, Letter
from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store


class Machine:
    """The machine's two clocks, moved by hand. Lives as long as a test."""

    def __init__(self) -> None:
        self.passed = 0.0

    def wall(self) -> float:
        return 1_000_000.0 + self.passed

    def steady(self) -> float:
        return self.passed


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, durable=False)
    yield store
    store.close()


def test_time_runs_as_fast_as_was_asked_for(machine: Machine) -> None:
    clock = ScaledClock(scale=60, wall=machine.wall, steady=machine.steady)
    clock.promise(1e6)
    machine.passed = 10
    assert clock.now() == 1_000_000 + 600
    assert clock.ahead == 590


def test_it_stands_still_rather_than_be_later_than_was_promised(machine: Machine) -> None:
    clock = ScaledClock(scale=60, wall=machine.wall, steady=machine.steady)
    clock.promise(100)
    machine.passed = 10
    assert clock.ahead == 100
    clock.promise(50)
    assert clock.promised == 100


def test_it_is_pushed_ahead_and_never_back(machine: Machine) -> None:
    clock = ScaledClock(wall=machine.wall, steady=machine.steady)
    clock.promise(1e6)
    clock.move_to(1_003_600)
    assert clock.now() == 1_003_600
    clock.move_to(1_000_001)
    assert clock.now() == 1_003_600
    machine.passed = 5
    assert clock.now() == 1_003_605


def test_where_time_is_the_machine_s_nothing_is_written_down(store: Store) -> None:
    keeper = Timekeeper(store, 1.0)
    keeper.close()
    with store.snapshot() as tx:
        assert tx.get(Fact, CLOCK_AHEAD) is None


def test_after_a_crash_it_is_never_earlier_than_anybody_saw(store: Store) -> None:
    keeper = Timekeeper(store, 5_000.0)
    threading.Event().wait(0.01)
    seen = keeper.clock.now()
    again = Timekeeper(store, 1.0)
    assert again.clock.now() >= seen
    assert again.clock.now() <= seen + 5_000 * 6


def test_a_clean_end_writes_the_very_time(store: Store) -> None:
    keeper = Timekeeper(store, 1_000.0)
    keeper.close()
    assert ahead_in(store) <= keeper.clock.ahead


def test_an_advance_is_written_down_before_it_begins(store: Store) -> None:
    keeper = Timekeeper(store, 1.0)
    stored: list[float] = []

    def tell(letter: Letter) -> None:
        assert isinstance(letter, Advance)
        stored.append(ahead_in(store))
        letter.move_to(letter.until)
        letter.done()

    before = keeper.clock.now()
    keeper.advance(3_600, tell, lambda: False)
    assert stored[0] >= 3_600
    assert keeper.clock.now() - before == pytest.approx(3_600, abs=2)


def test_an_advance_ends_with_the_emulator(store: Store) -> None:
    with pytest.raises(NotAdvanced):
        Timekeeper(store, 1.0).advance(60, lambda letter: None, lambda: True)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(90, 90), (1.5, 1.5), ("90", 90), ("1.5", 1.5), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), ("250ms", 0.25), (0, 0)],
)  # fmt: skip
def test_a_duration_is_seconds_or_a_text_with_units(duration: object, seconds: float) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize(
    "duration",
    [
        "",
        "soon",
        "-1",
        "1h-30m",
        "5 m",
        "1w",
        "m",
        "1e9",
        "\u0665m",
        -1,
        True,
        None,
        [],
        {},
        LONGEST + 1,
        10**400,
        float("nan"),
        float("inf"),
        "9" * 99,
    ],
)
def test_what_is_no_duration_is_refused(duration: object) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds_of(duration)
