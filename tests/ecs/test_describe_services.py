"""Services as they are looked at: by name, by page, by filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ecs.service_world import (
    TYPES,
    Document,
    begun,
    create,
    described,
    fargate,
    refusal,
)
from tests.simulation import Simulation


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = begun(tmp_path)
    yield found
    found.close()


def test_describe_services_answers_in_the_order_asked_for_each_once(sim: Simulation) -> None:
    for name in ("a", "b"):
        create(sim, serviceName=name)
    arn = "arn:aws:ecs:us-east-1:123456789012:service/default/"
    answer = sim.call("DescribeServices", services=["b", "no", arn + "a", "b"])
    assert [one["serviceName"] for one in answer["services"]] == ["b", "a"]
    assert answer["failures"] == [{"arn": arn + "no", "reason": "MISSING"}]


LOOKS: list[tuple[str, Document, str]] = [
    ("DescribeServices", {"services": []}, "Services cannot be empty."),
    ("DescribeServices", {}, "Services cannot be empty."),
    ("DescribeServices", {"services": ["s"] * 11}, "services can have at most 10 items."),
    ("DescribeServices", {"services": ["s"], "include": ["BOGUS"]}, "include should be one of [TAGS]"),
    ("DescribeServices", {"services": ["s"], "cluster": "no"}, "Cluster not found."),
    ("ListServices", {"cluster": "no"}, "Cluster not found."),
    ("ListServices", {"maxResults": 101}, "Max results can not be greater than 100"),
    ("ListServices", {"launchType": "BOGUS"}, TYPES),
    ("ListServices", {"schedulingStrategy": "BOGUS"}, "Scheduling strategy should be one of [REPLICA,DAEMON]"),
    ("ListServices", {"nextToken": "BOGUS"}, "Invalid next token."),
]


@pytest.mark.parametrize(("operation", "params", "message"), LOOKS)
def test_looking_is_refused_in_aws_words(sim: Simulation, operation: str, params: Document, message: str) -> None:
    assert refusal(sim, operation, **params)[1] == message


def test_services_are_listed_ten_at_a_time_each_once(sim: Simulation) -> None:
    arns = {create(sim, serviceName=f"s{number}")["serviceArn"] for number in range(23)}
    pages: list[list[str]] = []
    token: Document = {}
    while True:
        answer = sim.call("ListServices", **token)
        pages.append(answer["serviceArns"])
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert [len(page) for page in pages] == [10, 10, 3]
    assert {arn for page in pages for arn in page} == arns


def test_lists_filter_by_launch_type_and_scheduling_strategy(sim: Simulation) -> None:
    ec2, on_fargate = create(sim, serviceName="e")["serviceArn"], fargate(sim, serviceName="f")["serviceArn"]
    assert sim.call("ListServices", launchType="EC2")["serviceArns"] == [ec2]
    assert sim.call("ListServices", launchType="FARGATE", schedulingStrategy="REPLICA")["serviceArns"] == [on_fargate]
    assert sim.call("ListServices", schedulingStrategy="DAEMON")["serviceArns"] == []
    assert sim.call("ListServices", resourceManagementType="ECS")["serviceArns"] == []
    assert len(sim.call("ListServices", resourceManagementType="CUSTOMER")["serviceArns"]) == 2


def test_a_service_is_named_by_either_form_of_its_arn(sim: Simulation) -> None:
    arn = create(sim)["serviceArn"]
    short = "arn:aws:ecs:us-east-1:123456789012:service/web"
    assert described(sim, arn)["serviceName"] == described(sim, short)["serviceName"] == "web"
    foreign = arn.replace("/default/", "/other/")
    assert refusal(sim, "DescribeServices", services=[foreign])[1] == (
        "Invalid identifier: Identifier is for cluster other. Your cluster is default"
    )
