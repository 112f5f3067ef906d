"""What a task takes and what is left: by tables, from definitions as the API describes them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from ecs_emulator.arns import World
from ecs_emulator.ids import Ids
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.tasks import Container, DesiredStatus, Occupant, Task, TaskStatus
from ecs_emulator.rules import machines, placement
from ecs_emulator.rules.resources import Need, candidate, needed, registered_resources, remaining_resources

WORLD = World("123456789012", "us-east-1")
SMALL = machines.Shape(2048, 3768)
CLUSTER = Cluster(WORLD.arn("ecs", "cluster/web"), "123456789012", "us-east-1", "web", ClusterStatus.ACTIVE, 0.0, {})


def container(name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "app", "cpu": 0, **more}


PORTS = [
    {"containerPort": 80, "hostPort": 8080, "protocol": "tcp"},
    {"containerPort": 53, "hostPort": 53, "protocol": "udp"},
    {"containerPort": 90, "hostPort": 0},
    {"containerPort": 91},
]
NEEDS: list[tuple[str, dict[str, Any], dict[str, Any] | None, Need]] = [
    ("nothing said", {"containerDefinitions": [container()]}, None, Need()),
    (
        "the sum over the containers",
        {"containerDefinitions": [container("a", cpu=10, memory=64), container("b", cpu=20, memory=32)]},
        None,
        Need(cpu=30, memory=96),
    ),
    (
        "the reservation before the limit",
        {"containerDefinitions": [container(memory=512, memoryReservation=128)]},
        None,
        Need(memory=128),
    ),
    (
        "the task's own size before its containers'",
        {"cpu": "256", "memory": "512", "containerDefinitions": [container(cpu=10, memory=64)]},
        None,
        Need(cpu=256, memory=512),
    ),
    (
        "overrides before the definition",
        {"containerDefinitions": [container("a", cpu=10, memory=64), container("b", cpu=20, memory=32)]},
        {"containerOverrides": [{"name": "a", "cpu": 100, "memoryReservation": 16}]},
        Need(cpu=120, memory=48),
    ),
    (
        "the task's override before all",
        {"cpu": "256", "memory": "512", "containerDefinitions": [container()]},
        {"cpu": "1024", "memory": "2048"},
        Need(cpu=1024, memory=2048),
    ),
    (
        "static host ports in bridge mode",
        {"containerDefinitions": [container(portMappings=PORTS)]},
        None,
        Need(ports=(8080,), ports_udp=(53,)),
    ),
    (
        "in host mode a port is its own host port",
        {"networkMode": "host", "containerDefinitions": [container(portMappings=PORTS)]},
        None,
        Need(ports=(90, 91, 8080), ports_udp=(53,)),
    ),
    (
        "awsvpc takes an interface and no ports",
        {"networkMode": "awsvpc", "containerDefinitions": [container(portMappings=PORTS)]},
        None,
        Need(enis=1),
    ),
    (
        "gpus and capabilities",
        {
            "requiresAttributes": [{"name": "ecs.capability.task-eni"}, {"name": "x", "value": "y"}],
            "containerDefinitions": [container(resourceRequirements=[{"type": "GPU", "value": "2"}])],
        },
        None,
        Need(gpus=2, attributes=(("ecs.capability.task-eni", None), ("x", "y"))),
    ),
]


@pytest.mark.parametrize(("name", "definition", "overrides", "expected"), NEEDS, ids=[row[0] for row in NEEDS])
def test_a_task_takes(name: str, definition: dict[str, Any], overrides: dict[str, Any] | None, expected: Need) -> None:
    assert needed(definition, overrides) == expected


def a_machine(**more: Any) -> ContainerInstance:
    made = machines.new(WORLD, CLUSTER, Ids(1), 0.0, origin=Origin.API, zone="us-east-1a", shape=SMALL)
    return replace(made, **more)


def a_task(**more: Any) -> Task:
    task = Task(
        arn="t",
        account="123456789012",
        region="us-east-1",
        cluster_arn=CLUSTER.arn,
        task_definition_arn="d",
        family="app",
        group="service:web",
        launch_type="EC2",
        network_mode="bridge",
        created_at=0.0,
        cpu=512,
        memory=1000,
        spec={},
        containers=(),
        last_status=TaskStatus.RUNNING,
        ports=(80,),
    )
    return replace(task, **more)


def an_occupant(**more: Any) -> Occupant:
    """The same as its machine looks at it."""
    task = a_task(**more)
    return Occupant(**{each.name: getattr(task, each.name) for each in fields(Occupant)})


def test_registered_resources_have_every_numeric_member() -> None:
    assert registered_resources(a_machine(ports=("22", "2375"), gpus=("g0",))) == [
        {"name": "CPU", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": 2048},
        {"name": "MEMORY", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": 3768},
        {
            "name": "PORTS",
            "type": "STRINGSET",
            "doubleValue": 0.0,
            "longValue": 0,
            "integerValue": 0,
            "stringSetValue": ["22", "2375"],
        },
        {
            "name": "PORTS_UDP",
            "type": "STRINGSET",
            "doubleValue": 0.0,
            "longValue": 0,
            "integerValue": 0,
            "stringSetValue": [],
        },
        {
            "name": "GPU",
            "type": "STRINGSET",
            "doubleValue": 0.0,
            "longValue": 0,
            "integerValue": 0,
            "stringSetValue": ["g0"],
        },
    ]


def test_remaining_numbers_shrink_and_sets_of_ports_grow() -> None:
    bound = Container("c", "app", "app", network_bindings=({"hostPort": 32768, "protocol": "tcp"},))
    tasks = [
        an_occupant(),
        an_occupant(ports=(), ports_udp=(53,), containers=(bound,)),
        an_occupant(cpu=9999, last_status=TaskStatus.STOPPED, desired_status=DesiredStatus.STOPPED, ports=(99,)),
    ]
    left = {each["name"]: each for each in remaining_resources(a_machine(ports=("22",)), tasks)}
    assert left["CPU"]["integerValue"] == 2048 - 1024
    assert left["MEMORY"]["integerValue"] == 3768 - 2000
    assert left["PORTS"]["stringSetValue"] == ["22", "80", "32768"]
    assert left["PORTS_UDP"]["stringSetValue"] == ["53"]


def test_a_task_being_stopped_holds_its_resources_but_leaves_its_group() -> None:
    stopping = an_occupant(desired_status=DesiredStatus.STOPPED)
    seen = candidate(a_machine(), [stopping, an_occupant(last_status=TaskStatus.PENDING)])
    assert seen.cpu == 2048 - 1024
    assert seen.groups == {"service:web": 1}
    assert seen.running == 0


def test_a_simulated_machine_is_a_whole_instance() -> None:
    made = a_machine()
    assert made.arn.startswith("arn:aws:ecs:us-east-1:123456789012:container-instance/web/")
    assert made.ec2_instance_id.startswith("i-")
    assert len(made.ec2_instance_id) == 19
    assert made.attributes["ecs.instance-type"] == "m5.large"
    assert made.attributes["ecs.instance-id"] == made.ec2_instance_id
    assert made.attributes["ecs.capability.task-eni"] is None
    assert "com.amazonaws.ecs.capability.docker-remote-api.1.44" in made.attributes


def test_machines_fill_the_zones_in_turn() -> None:
    assert machines.zones_to_fill("us-east-1", []) == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert machines.zones_to_fill("us-east-1", ["us-east-1a", "us-east-1c"])[0] == "us-east-1b"


def on_demand(need: Need, *bound: placement.Constraint) -> ContainerInstance | None:
    return machines.on_demand(
        need, WORLD, CLUSTER, Ids(1), 0.0, present=[], group="service:web", constraints=bound, shape=SMALL
    )


def test_a_machine_is_made_on_demand_where_a_new_one_would_do() -> None:
    made = on_demand(Need(cpu=2048, memory=3768, ports=(80,)))
    assert made is not None
    assert made.origin is Origin.ON_DEMAND
    assert made.attributes["ecs.availability-zone"] == "us-east-1a"
    in_c = placement.Constraint("memberOf", "attribute:ecs.availability-zone == us-east-1c")
    there = on_demand(Need(), in_c)
    assert there is not None
    assert there.attributes["ecs.availability-zone"] == "us-east-1c"


def test_no_machine_is_made_that_could_not_take_the_task_either() -> None:
    assert on_demand(Need(cpu=2049)) is None
    assert on_demand(Need(ports=(22,))) is None
    assert on_demand(Need(), placement.Constraint("memberOf", "attribute:stack == prod")) is None


def test_a_machine_made_on_demand_goes_when_it_was_idle_long_enough() -> None:
    made = a_machine(origin=Origin.ON_DEMAND, registered_at=100.0)
    ended = a_task(last_status=TaskStatus.STOPPED, stopped_at=150.0)
    assert machines.retired_at(made, [], 60.0) == 160.0
    assert machines.retired_at(made, [ended], 60.0) == 210.0
    assert machines.retired_at(made, [ended, a_task()], 60.0) is None
    assert machines.retired_at(replace(made, origin=Origin.API), [], 60.0) is None
    assert machines.retired_at(replace(made, status=InstanceStatus.DRAINING), [], 60.0) is None
