"""Whatever happens to a service, and whenever: it stays within its bounds, and comes to the same end.

`make test` plays 2,000 histories, and 81 of them twice, with a crash and without, in a minute of one core. `make soak` plays 100,000, which
takes about one hour of one core, and ends by itself; `HISTORIES_FROM=40000 make soak` begins with the history of that
number, where an earlier run was stopped. A history that fails is printed as a script.
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Iterator

import pytest

from ecs_emulator.control import loop, rolling
from ecs_emulator.control.loop import Loop
from ecs_emulator.records import Mark
from ecs_emulator.store import Transaction
from tests.control.histories import FAMILIES, History, Setting, history, shortened
from tests.control.worlds import play, play_twice

QUICK = {
    "rolling": 320,
    "breaker": 320,
    "on demand": 240,
    "machines": 240,
    "zones": 120,
    "daemon": 240,
    "task sets": 240,
    "shifting": 200,
    "shifting on machines": 80,
}
"""2,000 histories."""
TWICE = 9
"""Of each family."""
MANY, CHUNK = 100_000, 1_000
FROM = int(os.environ.get("HISTORIES_FROM", "0"))
FAILURES = (AssertionError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)


@pytest.fixture(autouse=True)
def nothing_old_is_swept() -> Iterator[None]:
    """The worlds that are kept are many objects, and none of them is garbage."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _holds(history: History, check: Callable[[History], None]) -> None:
    """That the check passes; else the shortest script that fails."""
    if (problem := _problem(history, check)) is None:
        return
    short = shortened(history, lambda less: _problem(less, check) is not None)
    pytest.fail(f"{_problem(short, check) or problem}\n\n{short.script()}", pytrace=False)


def _problem(history: History, check: Callable[[History], None]) -> str | None:
    try:
        check(history)
    except FAILURES as error:
        return f"{type(error).__name__}: {error}"
    return None


def _killed_once(history: History) -> None:
    play_twice(history, random.Random(repr(history.setting)).randrange(10_000) + len(history.acts))


@pytest.mark.parametrize("family", QUICK)
def test_a_service_stays_within_its_bounds_and_comes_to_rest(family: str) -> None:
    for number in range(QUICK[family]):
        _holds(history(family, number), play)


@pytest.mark.parametrize("family", QUICK)
def test_a_crash_before_any_step_leads_to_the_same_world(family: str) -> None:
    for number in range(TWICE):
        _holds(history(family, 5 * number), _killed_once)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FROM, MANY, CHUNK))
def test_no_service_of_many_leaves_its_bounds(first: int) -> None:
    """Numbers count through the families: each tenth history is played twice, with a crash and without."""
    families = list(FAMILIES)
    for number in range(first, min(MANY, first + CHUNK)):
        chosen = history(families[number % len(families)], QUICK["rolling"] + number // len(families))
        _holds(chosen, play)
        if number % 10 == 0:
            _holds(chosen, _killed_once)


# --- the properties themselves --------------------------------------------------------------------------------------


def test_every_family_is_played() -> None:
    assert list(QUICK) == list(FAMILIES)
    assert sum(QUICK.values()) == 2_000


def test_a_number_always_gives_the_same_history() -> None:
    assert history("rolling", 3) == history("rolling", 3) != history("rolling", 4)


def test_a_history_is_told_as_a_script_that_plays_it() -> None:
    told = history("daemon", 5)
    played: list[History] = []
    program = told.script().replace("from tests.control.worlds import play\n", "")
    exec(program, {"play": played.append})
    assert played == [told]


@pytest.mark.parametrize(
    ("named", "broken"),
    [("ceiling", lambda low, high: (low, high + 1)), ("floor", lambda low, high: (max(0, low - 1), high))],
)
def test_a_scheduler_with_wrong_bounds_is_found_out_in_few_steps(
    monkeypatch: pytest.MonkeyPatch, named: str, broken: Callable[[int, int], tuple[int, int]]
) -> None:
    right = rolling.bounds
    monkeypatch.setattr(rolling, "bounds", lambda *of: broken(*right(*of)))
    with pytest.raises(pytest.fail.Exception, match=r"may be|must be") as found:
        for number in range(200):
            _holds(history("rolling", number), play)
    assert len(str(found.value).split("play(")[1].splitlines()) < 10


def test_a_scheduler_that_takes_what_runs_for_healthy_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = (("deploy", "checked health=healthy after-health=8s"), ("advance", 2.0))
    failing = History(Setting("ROLLING", "FARGATE", 2, (100, 200)), slow)
    play(failing)
    monkeypatch.setattr(rolling, "is_healthy", lambda task, slice: task.last_status == "RUNNING")
    with pytest.raises(AssertionError, match="0 are healthy after stop"):
        play(failing)


def test_a_loop_that_starts_blindly_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that after a crash does not look at the tasks."""
    right = Loop._everything

    def blind(self: Loop, tx: Transaction, now: float) -> set[Mark]:
        return {mark for mark in right(self, tx, now) if mark[0] != "task"}

    failing = History(Setting("ROLLING", "FARGATE", 2, (50, 200)), (("deploy", ""), ("kill", 0)))
    play_twice(failing, 3)
    monkeypatch.setattr(loop.Loop, "_everything", blind)
    with pytest.raises(AssertionError, match="killed before step"):
        for step in range(12):
            play_twice(failing, step)
