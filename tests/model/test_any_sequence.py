"""Whatever is asked in whatever order: no 5xx, every answer is what the model says, and the loop comes to rest."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.model.answers import ask
from tests.model.drawn import Drawing
from tests.model.requests import Params, requests
from tests.model.world import arns, copied
from tests.simulation import ECS, Simulation

OPERATIONS = sorted(ECS.functions())
PAUSES = st.sampled_from((0, 0, 1, 30, 600))
"""Seconds between two requests."""

calm = settings(
    deadline=None, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck), database=None
)
quick = settings(calm, max_examples=60, derandomize=True)
long = settings(calm, max_examples=3_000)


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(calm, max_examples=12, derandomize=True)
@given(data=st.data())
def test_any_valid_request_is_answered_as_the_model_says(operation: str, data: st.DataObject) -> None:
    with copied() as sim:
        _asked(sim, operation, requests(sim), data)


@quick
@given(data=st.data())
def test_any_sequence_of_requests_leaves_a_world_that_works(data: st.DataObject) -> None:
    _lived(data)


@pytest.mark.soak
@long
@given(data=st.data())
def test_very_many_sequences_of_requests_leave_a_world_that_works(data: st.DataObject) -> None:
    _lived(data)


def _lived(data: st.DataObject) -> None:
    with copied() as sim:
        good = requests(sim)
        for operation in data.draw(st.lists(st.sampled_from(OPERATIONS), min_size=4, max_size=12)):
            _asked(sim, operation, good, data)
        sim.advance(60)
        _rests(sim)


def _asked(sim: Simulation, operation: str, good: dict[str, Params], data: st.DataObject) -> None:
    params = Drawing(data.draw, arns(sim)).request(operation, good[operation])
    answer = ask(sim, operation, json.dumps(params).encode())
    assert answer.faults() == []
    sim.advance(data.draw(PAUSES))
    _rests(sim)


def _rests(sim: Simulation) -> None:
    assert sim.loop.problem is None
    assert sim.loop.idle()
