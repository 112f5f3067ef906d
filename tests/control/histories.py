"""Any history of a service: what is asked for, what fails, which machines go, and where the emulator is killed; a seed tells all of it.

The same seed gives the same history on every machine. One that fails is made shorter by leaving things out and playing it again, and
is printed as a script.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Act = tuple[Any, ...]

SCRIPTS = (
    "",
    "start=slow",
    "pull=slow",
    "pull=fail",
    "start=fail",
    "exit=1 after=0s",
    "exit=1 after=7s",
    "stop=ignore",
    "checked",
    "checked health=unhealthy",
    "checked health=healthy after-health=3s",
    "checked health=healthy after-health=8s",
)
FARGATE, MADE, OWN = "FARGATE", "machines on demand", "own machines"
PERCENTS = (
    (0, 100),
    (50, 100),
    (66, 133),
    (75, 110),
    (100, 200),
    (50, 200),
    (34, 150),
    (100, 150),
    (0, 250),
    (100, 125),
)
WAITS = (0.1, 2.0, 7.0, 45.0)
LONG_WAITS = (2.0, 7.0, 45.0, 61.0)
TOGETHER = 12
"""Histories that are made from one setting before the next is drawn: its world is built once."""


@dataclass(frozen=True)
class Setting:
    """One service as it stands before the history begins."""

    strategy: str
    """ROLLING, DAEMON, EXTERNAL (task sets), or one that shifts traffic."""
    where: str
    desired: int
    """Of a DAEMON service its machines."""
    percents: tuple[int, int]
    heeds: str = ""
    """What a deployment may end by: a circuit breaker that stops it or rolls it back, `alarms`, a hook's `function`, a `pause`."""
    zones: int = 0
    """Over how many its machines stand; 0: in none that somebody chose."""


@dataclass(frozen=True)
class History:
    """What is played. Lives as long as its test."""

    setting: Setting
    acts: tuple[Act, ...]
    killed_after: int | None = None
    """On the way to rest the emulator is killed after so many steps."""

    def script(self) -> str:
        """What brings it about again, to be pasted into a file."""
        lines = "".join(f"        {act!r},\n" for act in self.acts)
        return (
            "from tests.control.histories import History, Setting\n"
            "from tests.control.worlds import play\n\n"
            f"play(History(\n    {self.setting!r},\n    (\n{lines}    ),\n    killed_after={self.killed_after},\n))\n"
        )


# --- what may happen ------------------------------------------------------------------------------------------------


Draw = Callable[[random.Random], Act]


def _number(name: str, most: int) -> Draw:
    return lambda chance: (name, chance.randrange(most))


def _one_of(name: str, choices: Sequence[Any]) -> Draw:
    return lambda chance: (name, chance.choice(choices))


def _plainly(*act: Any) -> Draw:
    return lambda chance: act


TIME: dict[Draw, int] = {
    lambda chance: ("step", chance.randint(1, 6)): 16,
    _one_of("advance", WAITS): 10,
}
LONG_TIME: dict[Draw, int] = {
    lambda chance: ("step", chance.randint(1, 6)): 14,
    _one_of("advance", LONG_WAITS): 16,
}
CRASHES: dict[Draw, int] = {_plainly("crash"): 8}
FAILURES: dict[Draw, int] = {
    _number("kill", 10): 6,
    _number("sicken", 10): 4,
    _number("heal", 10): 2,
    _number("stop", 10): 3,
    _number("protect", 10): 2,
}
DESIRES: dict[Draw, int] = {
    _one_of("deploy", SCRIPTS): 14,
    _plainly("force"): 4,
    _number("revert", 4): 4,
    _plainly("roll back"): 3,
    _plainly("delete"): 1,
}
COUNTS: dict[Draw, int] = {_number("scale", 6): 8}
CONFIGURATIONS: dict[Draw, int] = {_one_of("configure", PERCENTS): 3}
DRAINS: dict[Draw, int] = {_number("drain", 4): 4, _number("undrain", 4): 2}
LOSSES: dict[Draw, int] = {_number("lose", 4): 4, _number("join", 2): 4, _number("disconnect", 4): 2}
BAD = ("pull=fail", "start=fail", "exit=1 after=0s", "checked health=unhealthy")
TROUBLE: dict[Draw, int] = {
    lambda chance: ("deploy", chance.choice(BAD)): 10,
    _plainly("advance", 45.0): 8,
    _one_of("alarm", ("ALARM", "OK")): 4,
}
HOOKS: dict[Draw, int] = {
    _one_of("answer", ("SUCCEEDED", "IN_PROGRESS", "FAILED")): 4,
    _one_of("continue", ("CONTINUE", "ROLLBACK")): 4,
}
SETS: dict[Draw, int] = {
    _one_of("new set", (0, 30, 100)): 8,
    lambda chance: ("rescale", chance.randrange(5), chance.choice((0, 33.3, 50, 100))): 8,
    _number("drop", 5): 5,
    _number("primary", 5): 3,
    _one_of("define", SCRIPTS): 8,
}
ROLLING = {**TIME, **CRASHES, **FAILURES, **DESIRES, **COUNTS, **CONFIGURATIONS}
SHIFTING = {**LONG_TIME, **CRASHES, **FAILURES, **DESIRES, **COUNTS}


@dataclass(frozen=True)
class Family:
    """Settings that are alike, and what may happen to them."""

    strategies: tuple[str, ...]
    wheres: tuple[str, ...]
    desired: tuple[int, ...]
    percents: tuple[tuple[int, int], ...]
    draws: Mapping[Draw, int]
    heeds: tuple[str, ...] = ("",)
    zones: tuple[int, ...] = (0,)

    def setting(self, chance: random.Random) -> Setting:
        return Setting(
            chance.choice(self.strategies),
            chance.choice(self.wheres),
            chance.choice(self.desired),
            chance.choice(self.percents),
            chance.choice(self.heeds),
            chance.choice(self.zones),
        )


ON_ITS_OWN = ((100, 200),)
FAMILIES: dict[str, Family] = {
    "rolling": Family(("ROLLING",), (FARGATE,), (1, 2, 3, 4), PERCENTS, ROLLING),
    "breaker": Family(
        ("ROLLING",), (FARGATE,), (1, 2, 4), PERCENTS, {**ROLLING, **TROUBLE}, ("stop", "roll back", "alarms")
    ),
    "on demand": Family(("ROLLING",), (MADE,), (1, 3), PERCENTS, {**ROLLING, **DRAINS}),
    "machines": Family(("ROLLING",), (OWN,), (2, 3), PERCENTS, {**ROLLING, **DRAINS, **LOSSES}, ("", "roll back")),
    "zones": Family(("ROLLING",), (OWN,), (3, 4), PERCENTS, {**ROLLING, **DRAINS, **LOSSES}, ("",), (2, 3)),
    "daemon": Family(
        ("DAEMON",),
        (OWN,),
        (1, 2, 3),
        ((0, 100), (50, 100), (75, 100)),
        {**TIME, **CRASHES, **FAILURES, **DESIRES, **DRAINS, **LOSSES, **TROUBLE},
        ("", "stop", "roll back"),
    ),
    "task sets": Family(
        ("EXTERNAL",), (FARGATE, MADE), (1, 3), ON_ITS_OWN, {**TIME, **CRASHES, **FAILURES, **COUNTS, **SETS, **DRAINS}
    ),
    "shifting": Family(
        ("BLUE_GREEN", "LINEAR", "CANARY"),
        (FARGATE,),
        (1, 3),
        ON_ITS_OWN,
        {**SHIFTING, **TROUBLE, **HOOKS},
        ("", "stop", "roll back", "alarms", "function", "pause"),
    ),
    "shifting on machines": Family(
        ("BLUE_GREEN", "CANARY"), (OWN,), (2,), ON_ITS_OWN, {**SHIFTING, **DRAINS, **LOSSES}, ("", "roll back")
    ),
}
MOST_ACTS = 8


def history(family: str, seed: int) -> History:
    """The one with this number."""
    known = FAMILIES[family]
    setting = known.setting(random.Random(f"{family}/{seed // TOGETHER}"))
    chance = random.Random(f"{family}/{seed}/acts")
    draws, weights = list(known.draws), list(known.draws.values())
    acts = tuple(draw(chance) for draw in chance.choices(draws, weights, k=chance.randint(1, MOST_ACTS)))
    return History(setting, acts, killed_after=chance.choice((None, 0, 1, chance.randint(2, 30))))


# --- what is left of one that fails ---------------------------------------------------------------------------------


def shortened(failing: History, fails: Callable[[History], bool], seconds: float = 20.0) -> History:
    """The same failure with less: acts are left out and made plainer as long as it still fails, and as long as there is time."""
    deadline = time.monotonic() + seconds
    again = True
    while again:
        again = False
        for less in _less(failing):
            if time.monotonic() > deadline:
                return failing
            if fails(less):
                failing, again = less, True
                break
    return failing


def _less(history: History) -> Iterator[History]:
    acts = history.acts
    for size in (4, 2, 1):
        for first in range(len(acts) - size, -1, -1):
            yield dataclasses.replace(history, acts=acts[:first] + acts[first + size :])
    for place, act in enumerate(acts):
        for plainer in _plainer(act):
            yield dataclasses.replace(history, acts=(*acts[:place], plainer, *acts[place + 1 :]))
    if history.killed_after is not None:
        yield dataclasses.replace(history, killed_after=None)
    if history.setting.desired > 1:
        yield dataclasses.replace(
            history, setting=dataclasses.replace(history.setting, desired=history.setting.desired - 1)
        )


def _plainer(act: Act) -> Iterator[Act]:
    match act:
        case (name, int(number)) if number > (name in ("step", "scale")):
            yield (name, number - 1)
        case ("deploy" | "define", script) if script and script != "exit=1 after=0s":
            yield (act[0], "")
