"""Whatever is wrong with a request, it is refused in words that botocore reads, at once, and nothing of it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatchcase

import pytest

from tests.model.answers import Answer, ask
from tests.model.faults import Fault, faults
from tests.model.requests import REFUSED_AS_THEY_ARE, requests
from tests.model.world import Watched, copied
from tests.simulation import ECS

OPERATIONS = sorted(ECS.functions())

UNREADABLE = frozenset({"wrong type", "no object", "no JSON", "invalid UTF-8", "lone surrogate", "deep", "duplicate"})
"""Kinds that never reach the operation: a SerializationException, whatever else is wrong."""

MAYBE = frozenset({"empty", "very long", "very many"})
"""Kinds that are no fault where neither the model nor the sheets say so; they may be refused or taken."""

NAMES = frozenset(
    [
        "capacityProvider",
        "cluster",
        "clusterArn",
        "clusterName",
        "clusters",
        "containerInstance",
        "containerInstances",
        "daemonArn",
        "daemonDeploymentArns",
        "daemonName",
        "daemonRevisionArns",
        "daemonTaskDefinition",
        "daemonTaskDefinitionArn",
        "family",
        "gateway",
        "gatewayRouteArn",
        "namespace",
        "resourceArn",
        "service",
        "serviceArn",
        "serviceDeploymentArn",
        "serviceDeploymentArns",
        "serviceName",
        "serviceRevisionArns",
        "task",
        "taskDefinition",
        "taskSet",
        "taskSets",
        "tasks",
    ]
)
"""Members that name something of ECS's own: there a very long text is a fault."""

KEEP, NO_MATCH, EXIT = "kept as it was said", "a filter that matches nothing", "any number may be an exit code"
NO_LIMIT, AGENT = "no limit is documented", "what an agent says of its machine is taken"

TAKEN: tuple[tuple[str, str, str, str], ...] = (
    ("bad enum", "*", "include[[][]]", "unknown values of include are ignored"),
    ("bad pattern", "UntagResource", "tagKeys[[][]]", "keys that no tag has are ignored"),
    ("too long", "UntagResource", "tagKeys[[][]]", "keys that no tag has are ignored"),
    ("blank", "*", "cluster", "the default cluster"),
    (
        "blank",
        "PutClusterCapacityProviders",
        "*",
        "no capacity providers, or no strategy: that is how they are taken away",
    ),
    ("blank", "*Cluster", "serviceConnectDefaults.namespace", "no namespace any more"),
    ("blank", "*Service", "deploymentConfiguration.alarms.alarmNames", "alarms that are off need no names"),
    ("blank", "TagResource", "tags", "nothing to add"),
    ("blank", "UntagResource", "tagKeys", "nothing to remove"),
    ("blank", "UpdateClusterSettings", "settings", "nothing to change"),
    ("negative", "Register*TaskDefinition", "*.ulimits[[][]].*Limit", "-1 is no limit"),
    ("negative", "Register*TaskDefinition", "*.ignoredExitCodes[[][]]", EXIT),
    ("negative", "Submit*", "*xitCode", EXIT),
    ("huge", "Register*TaskDefinition", "*.ignoredExitCodes[[][]]", EXIT),
    ("huge", "Submit*", "*xitCode", EXIT),
    ("huge", "Register*TaskDefinition", "containerDefinitions[[][]].cpu", NO_LIMIT),
    ("huge", "Register*TaskDefinition", "containerDefinitions[[][]].memory", NO_LIMIT),
    ("huge", "Register*TaskDefinition", "containerDefinitions[[][]].st*Timeout", NO_LIMIT),
    ("huge", "Register*TaskDefinition", "containerDefinitions[[][]].linuxParameters.*", NO_LIMIT),
    ("huge", "Register*TaskDefinition", "containerDefinitions[[][]].ulimits[[][]].*", NO_LIMIT),
    ("huge", "RegisterContainerInstance", "totalResources[[][]].*Value", AGENT),
    ("huge", "*Gateway", "configuration.hostSharedAlb.maxAlbCount", NO_LIMIT),
    ("huge", "*Service", "scalingTarget.autoScalingTargetValue", NO_LIMIT),
    ("huge", "*Service", "deploymentConfiguration.maximumPercent", NO_LIMIT),
    (
        "huge",
        "*Service",
        "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.value",
        "a count, as many as it says",
    ),
    ("huge", "*Service", "healthCheckGracePeriodSeconds", "the documented maximum"),
    ("huge", "*Service", "serviceConnectConfiguration.services[[][]].timeout.*", NO_LIMIT),
    ("*", "DiscoverPollEndpoint", "*", "the answer is the same for every cluster and instance"),
    ("10 MB", "Describe*", "*", "it is MISSING"),
    ("very long", "Describe*", "*[[][]]", "it is MISSING"),
    ("very long", "DeleteTaskDefinitions", "*[[][]]", "it is said in failures[]"),
    ("very long", "ListTasks", "*", NO_MATCH),
    ("very long", "ListDaemonTaskDefinitions", "family", NO_MATCH),
    ("very long", "ListGateway*", "service", NO_MATCH),
    ("very long", "ListGateway*", "gateway", NO_MATCH),
    ("10 MB", "ListGateway*", "", NO_MATCH),
    ("very long", "*", "service*Configuration.*namespace", KEEP),
    ("very long", "*", "serviceConnectDefaults.namespace", KEEP),
)
"""What is taken though it looks bad: the kind, the operations, the members, and the reason."""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_good_request_is_answered(operation: str) -> None:
    with copied() as sim:
        answer = ask(sim, operation, json.dumps(requests(sim)[operation]).encode())
        assert answer.accepted != (operation in REFUSED_AS_THEY_ARE), answer.body
        assert answer.faults() == []
        sim.settle()
        assert sim.loop.problem is None


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_bad_request_is_refused_and_nothing_of_it_is_stored(operation: str) -> None:
    wrong = [f"{fault}: {what}" for fault, what in _wrong(operation)]
    assert not wrong, f"{len(wrong)} requests:\n" + "\n".join(wrong[:40])


def _wrong(operation: str) -> Iterator[tuple[Fault, str]]:
    """Every bad request that was not treated as it should, and what happened."""
    with copied() as sim:
        left = faults(operation, requests(sim)[operation])
    while True:  # a request that was taken uses its world up
        with copied() as sim, closing(Watched(sim)) as watched:
            for fault in left:
                answer = ask(sim, operation, fault.body)
                changed = watched.changed()
                yield from ((fault, what) for what in (*answer.faults(), *_mistreated(fault, answer, changed)))
                if changed:
                    sim.settle()
                    if sim.loop.problem is not None:
                        yield fault, f"stops the loop: {sim.loop.problem}"
                    break
            else:
                return


def _mistreated(fault: Fault, answer: Answer, changed: bool) -> Iterator[str]:
    if answer.accepted:
        if _must_be_refused(fault):
            yield f"is taken: {answer.body[:100]!r}"
        return
    if changed:
        yield "is refused, and something of it was stored"
    if fault.kind in UNREADABLE and answer.code != "SerializationException":
        yield f"is refused with {answer.code}, as if it could be read"


def _must_be_refused(fault: Fault) -> bool:
    named = fault.path.rpartition(".")[2].removesuffix("[]") in NAMES
    if fault.kind in MAYBE and not (fault.kind == "very long" and named):
        return False
    if fault.operation in REFUSED_AS_THEY_ARE:
        return False
    return not any(
        all(map(fnmatchcase, (fault.kind, fault.operation, fault.path), (kind, operation, path)))
        for kind, operation, path, _ in TAKEN
    )


def test_what_is_stored_is_seen() -> None:
    with copied() as sim, closing(Watched(sim)) as watched:
        assert not ask(sim, "CreateCluster", b'{"clusterName": "!"}').accepted
        assert not watched.changed()
        assert ask(sim, "CreateCluster", b'{"clusterName": "new"}').accepted
        assert watched.changed()
        assert not watched.changed()
