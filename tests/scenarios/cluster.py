"""A cluster of a test's own, driven by boto3 and by its waiters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import WaiterError

from tests.scenarios.server import Server
from tests.scenarios.waiting import eventually

Document = dict[str, Any]

WAITER = {"Delay": 0.1, "MaxAttempts": 400}
"""botocore's own waiters, looking ten times a second where they would look every 6 or 15 seconds."""
ROLE = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"
SIZE = {"cpu": "256", "memory": "512"}
FARGATE = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "executionRoleArn": ROLE, **SIZE}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"], "assignPublicIp": "ENABLED"}}
ON_FARGATE = {"launchType": "FARGATE", "networkConfiguration": NETWORK}
FOREVER = "trap 'exit 0' TERM; sleep 1000 & wait $!"
"""Runs until it is asked to stop, and then stops at once."""


@dataclass(frozen=True)
class Cluster:
    """Lives as long as its test; `leave` lets go of what still runs in it."""

    server: Server
    name: str
    image: str
    ecs: Any = field(init=False)
    logs: Any = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ecs", self.server.client("ecs"))
        object.__setattr__(self, "logs", self.server.client("logs"))
        self.ecs.create_cluster(clusterName=self.name)

    def leave(self) -> None:
        """Lets everything end; the server removes what stopped with its own end."""
        for arn in self.ecs.list_services(cluster=self.name)["serviceArns"]:
            self.ecs.delete_service(cluster=self.name, service=arn, force=True)
        for arn in self.tasks():
            self.ecs.stop_task(cluster=self.name, task=arn)

    # --- definitions --------------------------------------------------------------------------------------------------

    def container(self, script: str = FOREVER, name: str = "main", **members: Any) -> Document:
        """A container definition that runs a shell script."""
        return {"name": name, "image": self.image, "entryPoint": ["/bin/sh", "-c"], "command": [script], **members}

    def logging(self, script: str = FOREVER, name: str = "main", **members: Any) -> Document:
        """The same, with its lines in the cluster's log group."""
        options = {
            "awslogs-group": self.log_group,
            "awslogs-region": self.ecs.meta.region_name,
            "awslogs-stream-prefix": "scenario",
            "awslogs-create-group": "true",
        }
        return self.container(script, name, logConfiguration={"logDriver": "awslogs", "options": options}, **members)

    @property
    def log_group(self) -> str:
        return f"/scenarios/{self.name}"

    def register(self, *containers: Document, **members: Any) -> str:
        """The ARN of a new revision: of a Fargate definition, unless a network mode says otherwise."""
        if "networkMode" in members:
            containers = tuple({"memory": 64, **one} for one in containers)
        else:
            members = {**FARGATE, **members}
        answer = self.ecs.register_task_definition(family=self.name, containerDefinitions=list(containers), **members)
        arn: str = answer["taskDefinition"]["taskDefinitionArn"]
        return arn

    # --- tasks --------------------------------------------------------------------------------------------------------

    def run(self, *containers: Document, **members: Any) -> str:
        """Registers and runs one Fargate task; its ARN."""
        return self.run_definition(self.register(*containers, **members))

    def run_definition(self, definition: str, **asked: Any) -> str:
        answer = self.ecs.run_task(cluster=self.name, taskDefinition=definition, **{**ON_FARGATE, **asked})
        assert answer["failures"] == []
        arn: str = answer["tasks"][0]["taskArn"]
        return arn

    def run_ec2(self, *containers: Document, network_mode: str = "bridge", **members: Any) -> str:
        """Registers and runs one task of launch type EC2."""
        definition = self.register(*containers, networkMode=network_mode, **members)
        answer = self.ecs.run_task(cluster=self.name, taskDefinition=definition, launchType="EC2")
        assert answer["failures"] == []
        arn: str = answer["tasks"][0]["taskArn"]
        return arn

    def task(self, arn: str) -> Document:
        answer = self.ecs.describe_tasks(cluster=self.name, tasks=[arn])
        assert answer["failures"] == []
        task: Document = answer["tasks"][0]
        return task

    def tasks(self, **filters: str) -> list[str]:
        arns: list[str] = self.ecs.list_tasks(cluster=self.name, **filters)["taskArns"]
        return arns

    def running(self, *arns: str) -> Document:
        """Waits as boto3 does; the first of them."""
        try:
            self.ecs.get_waiter("tasks_running").wait(cluster=self.name, tasks=list(arns), WaiterConfig=WAITER)
        except WaiterError as error:
            told = [(task.get("stoppedReason"), task["containers"]) for task in map(self.task, arns)]
            raise AssertionError(f"not all came to run: {told}") from error
        return self.task(arns[0])

    def stopped(self, *arns: str) -> Document:
        self.ecs.get_waiter("tasks_stopped").wait(cluster=self.name, tasks=list(arns), WaiterConfig=WAITER)
        return self.task(arns[0])

    def stop(self, arn: str, **asked: str) -> Document:
        """Asks for the end and waits for it."""
        self.ecs.stop_task(cluster=self.name, task=arn, **asked)
        return self.stopped(arn)

    def lines(self, task_arn: str, container: str = "main") -> list[str]:
        """What the container has written so far, from the log service; nothing before it has a stream."""
        stream = f"scenario/{container}/{task_arn.rpartition('/')[2]}"
        events: list[Document] = []
        asked = {"logGroupName": self.log_group, "logStreamName": stream, "startFromHead": True}
        while True:
            try:
                answer = self.logs.get_log_events(**asked)
            except self.logs.exceptions.ResourceNotFoundException:
                return []
            events += answer["events"]
            if answer["nextForwardToken"] == asked.get("nextToken"):
                return [event["message"] for event in events]
            asked["nextToken"] = answer["nextForwardToken"]

    def said(self, task_arn: str, last: str, container: str = "main") -> list[str]:
        """The container's lines, once that one has come."""

        def look() -> list[str] | None:
            lines = self.lines(task_arn, container)
            return lines if last in lines else None

        return eventually(f"the line {last!r} of {container}", look)

    # --- services -----------------------------------------------------------------------------------------------------

    def create_service(self, definition: str, desired: int, name: str = "web", **asked: Any) -> Document:
        answer = self.ecs.create_service(
            cluster=self.name,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=desired,
            **{**ON_FARGATE, **asked},
        )
        service: Document = answer["service"]
        return service

    def service(self, name: str = "web") -> Document:
        answer = self.ecs.describe_services(cluster=self.name, services=[name])
        assert answer["failures"] == []
        service: Document = answer["services"][0]
        return service

    def stable(self, name: str = "web") -> Document:
        self.ecs.get_waiter("services_stable").wait(cluster=self.name, services=[name], WaiterConfig=WAITER)
        return self.service(name)

    def inactive(self, name: str = "web") -> Document:
        self.ecs.get_waiter("services_inactive").wait(cluster=self.name, services=[name], WaiterConfig=WAITER)
        return self.service(name)

    def events(self, name: str = "web") -> list[str]:
        """Their texts, the newest first, without the service's name."""
        return [event["message"].removeprefix(f"(service {name}) ") for event in self.service(name)["events"]]

    def event(self, beginning: str, name: str = "web") -> str:
        """The newest event that begins so, once it has come."""
        return eventually(
            f"an event that begins with {beginning!r}",
            lambda: next((text for text in self.events(name) if text.startswith(beginning)), None),
        )


def address_of(task: Document) -> str:
    """What the task's network interface is given, as every client of ECS reads it."""
    (interface,) = task["attachments"]
    return next(str(one["value"]) for one in interface["details"] if one["name"] == "privateIPv4Address")


def container_of(task: Document, name: str = "main") -> Document:
    return next(one for one in task["containers"] if one["name"] == name)


def checked(command: str, **members: int) -> Document:
    """The members of a container that is checked as often as ECS permits."""
    check = {"command": ["CMD-SHELL", command], "interval": 5, "timeout": 2, "retries": 1, **members}
    return {"healthCheck": check}
