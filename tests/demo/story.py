"""The story: push an image, run it as a task, keep a service of it alive, roll it to a new version, take all away."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.demo.clients import Clients, eventually, reachable
from tests.demo.stage import DemoError, Stage
from tests.images import FIXTURES, build_context

FAMILY = "web"
GROUP = "/ecs/web"
PORT = 8080
DESIRED = 2
TASK_LABEL = "com.amazonaws.ecs.task-arn"
NAME_LABEL = "com.amazonaws.ecs.container-name"
RUN_LABEL = "ecs-emulator.demo"
WAITER = {"Delay": 0.2, "MaxAttempts": 300}
"""botocore's own waiters, looking five times a second where they would look every 6 or 15 seconds."""

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"], "assignPublicIp": "ENABLED"}}


@dataclass
class Story:
    """Lives as long as the emulator it is told on; each chapter leaves behind what the next one needs."""

    stage: Stage
    clients: Clients
    scratch: Path
    run: str
    repository: str = ""
    task_arn: str = ""
    revisions: list[str] = field(default_factory=list)
    ecs: Any = field(init=False)
    context: Path = field(init=False)

    def __post_init__(self) -> None:
        self.ecs = self.clients.boto3("ecs")
        self.context = build_context(FAMILY, self.scratch)

    def tell(self) -> None:
        with self.stage.step("docker builds an image: FROM scratch, a static busybox, no download"):
            self.build(1)
        self.push()
        self.register()
        self.run_task()
        self.create_service()
        self.kill_one()
        self.roll()
        self.scale_to_nothing()
        self.delete_all()

    # --- the image --------------------------------------------------------------------------------

    def image(self, version: int) -> str:
        return f"{self.repository or 'ecs-emulator-demo-' + self.run}:{version}"

    def build(self, version: int) -> None:
        words = ("build", "--quiet", "--build-arg", f"VERSION={version}", "--label", f"{RUN_LABEL}={self.run}")
        self.clients.docker(*words, "--tag", self.image(version), self.context)

    def push(self) -> None:
        with self.stage.step("aws makes the repository, docker logs in and pushes"):
            answer = self.clients.aws("ecr", "create-repository", "--repository-name", FAMILY)
            local, self.repository = self.image(1), answer["repository"]["repositoryUri"]
            password = self.clients.aws("ecr", "get-login-password")
            host = self.repository.partition("/")[0]
            told = self.clients.docker("login", "--username", "AWS", "--password-stdin", host, stdin=password)
            self.stage.tell(told)
            self.clients.docker("tag", local, self.image(1), shown=False)
            self.clients.docker("image", "rm", local, shown=False)
            self.push_version(1)
            for image in self.clients.aws("ecr", "describe-images", "--repository-name", FAMILY)["imageDetails"]:
                self.stage.tell(f"{image['imageTags']} {image['imageDigest']} {image['imageSizeInBytes']} bytes")

    def push_version(self, version: int) -> None:
        """Pushed, and forgotten by the engine: so each task has to pull it from the emulator's registry."""
        self.clients.docker("push", "--quiet", self.image(version))
        self.clients.docker("image", "rm", self.image(version), shown=False)

    # --- the task ---------------------------------------------------------------------------------

    def register(self) -> None:
        file = FIXTURES / "task-definitions" / "web.json"
        with self.stage.step(f"aws registers the task definition {file.relative_to(FIXTURES.parent)}, written for AWS"):
            answer = self.clients.aws("ecs", "register-task-definition", "--cli-input-json", f"file://{file}")
            self.registered(answer["taskDefinition"])

    def registered(self, definition: dict[str, Any]) -> None:
        self.revisions.append(definition["taskDefinitionArn"])
        self.stage.tell(f"{definition['taskDefinitionArn']}, image {definition['containerDefinitions'][0]['image']}")

    def run_task(self) -> None:
        with self.stage.step("boto3 runs it as a FARGATE task"):
            self.stage.call("ecs.run_task(taskDefinition='web', launchType='FARGATE', …), waiter tasks_running")
            self.ecs.create_cluster()
            answer = self.ecs.run_task(taskDefinition=FAMILY, launchType="FARGATE", networkConfiguration=NETWORK)
            if answer["failures"]:
                raise DemoError(f"RunTask failed: {answer['failures']}")
            self.task_arn = answer["tasks"][0]["taskArn"]
            self.stage.tell(f"{self.task_arn} is {answer['tasks'][0]['lastStatus']}")
            self.ecs.get_waiter("tasks_running").wait(tasks=[self.task_arn], WaiterConfig=WAITER)
            task = self.describe(self.task_arn)
            taken = (task["startedAt"] - task["createdAt"]).total_seconds()
            self.stage.tell(f"RUNNING {taken:.2f} s after it was asked for, its image pulled from the repository")
        with self.stage.step("its network interface, its container, its logs"):
            self.show_page(address_of(task), "1")
            self.stage.tell(self.container_of(self.task_arn, "table {{.Names}}\t{{.Image}}\t{{.Status}}"))
            self.show_logs()

    def describe(self, task_arn: str) -> dict[str, Any]:
        task: dict[str, Any] = self.ecs.describe_tasks(tasks=[task_arn])["tasks"][0]
        return task

    def show_page(self, address: str, version: str) -> None:
        url = f"http://{address}:{PORT}/"
        page = eventually(f"an answer of {url}", lambda: reachable(url), patience=10.0)
        self.stage.tell(f"GET {url} answers: {page}")
        if page != f"web {version}":
            raise DemoError(f"{url} answers {page!r} where version {version} should run")

    def container_of(self, task_arn: str, form: str) -> str:
        labels = ("--filter", f"label={TASK_LABEL}={task_arn}", "--filter", f"label={NAME_LABEL}=web")
        return self.clients.docker("ps", *labels, "--format", form)

    def show_logs(self) -> None:
        """`aws logs tail` came with version 2 of the CLI; with version 1 boto3 reads the same lines."""
        logs = self.clients.boto3("logs")
        stream = f"web/web/{self.task_arn.rpartition('/')[2]}"

        def lines() -> list[str] | None:
            events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
            return [event["message"] for event in events] if len(events) > 1 else None

        read = eventually(f"the lines of {stream}", lines, patience=15.0)
        if self.clients.shell.run("aws", "--version", shown=False).startswith("aws-cli/1"):
            self.stage.call(f"logs.get_log_events(logGroupName={GROUP!r}, logStreamName={stream!r})")
            self.stage.tell("\n".join(read))
            return
        self.stage.tell(self.clients.aws("logs", "tail", GROUP, "--since", "5m", "--format", "short"))

    # --- the service ------------------------------------------------------------------------------

    def create_service(self) -> None:
        with self.stage.step("boto3 creates a service that keeps two tasks"):
            self.stage.call(f"ecs.create_service(serviceName='web', desiredCount={DESIRED}, …), waiter services_stable")
            self.ecs.create_service(
                serviceName="web",
                taskDefinition=FAMILY,
                desiredCount=DESIRED,
                launchType="FARGATE",
                networkConfiguration=NETWORK,
            )
            self.stable()
            for task in self.service_tasks():
                self.stage.tell(f"{short(task['taskArn'])} {task['lastStatus']} at {address_of(task)}")

    def stable(self) -> None:
        self.ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=WAITER)
        self.show_counts()

    def service(self) -> dict[str, Any]:
        service: dict[str, Any] = self.ecs.describe_services(services=["web"])["services"][0]
        return service

    def service_tasks(self) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(serviceName="web")["taskArns"]
        tasks: list[dict[str, Any]] = self.ecs.describe_tasks(tasks=arns)["tasks"] if arns else []
        return sorted(tasks, key=lambda task: str(task["taskArn"]))

    def show_counts(self) -> None:
        service = self.service()
        deployments = ", ".join(
            f"{short(deployment['taskDefinition'])} {deployment['runningCount']}/{deployment['desiredCount']}"
            for deployment in service["deployments"]
        )
        self.stage.tell(f"runningCount {service['runningCount']} of {service['desiredCount']}: {deployments}")

    def kill_one(self) -> None:
        with self.stage.step("docker kills a container of it; the service replaces the task"):
            before = {task["taskArn"] for task in self.service_tasks()}
            victim = min(before)
            known = {event["id"] for event in self.service()["events"]}
            self.clients.docker("kill", self.container_of(victim, "{{.ID}}"))
            killed = time.monotonic()
            new = eventually("the replacement", lambda: self.running_beside(before), patience=30.0)
            self.stage.tell(f"{short(new)} is RUNNING {time.monotonic() - killed:.2f} s after the kill")
            dead = eventually("the end of the killed task", lambda: self.stopped(victim), patience=30.0)
            code = dead["containers"][0]["exitCode"]
            self.stage.tell(f"{short(victim)} is STOPPED: {dead['stoppedReason']} (exit code {code})")
            self.stable()
            for event in reversed([event for event in self.service()["events"] if event["id"] not in known]):
                self.stage.tell(event["message"])

    def running_beside(self, known: set[str]) -> str | None:
        running = [task["taskArn"] for task in self.service_tasks() if task["lastStatus"] == "RUNNING"]
        return next((arn for arn in running if arn not in known), None)

    def stopped(self, task_arn: str) -> dict[str, Any] | None:
        task = self.describe(task_arn)
        return task if task["lastStatus"] == "STOPPED" else None

    def roll(self) -> None:
        with self.stage.step("docker builds and pushes version 2, boto3 registers a revision with it"):
            self.build(2)
            self.push_version(2)
            definition = json.loads((FIXTURES / "task-definitions" / "web.json").read_text())
            container = definition["containerDefinitions"][0]
            container["image"] = container["image"].replace(":1", ":2")
            self.registered(self.ecs.register_task_definition(**definition)["taskDefinition"])
        with self.stage.step("the service rolls over to it"):
            self.stage.call("ecs.update_service(service='web', taskDefinition='web'), waiter services_stable")
            self.ecs.update_service(service="web", taskDefinition=FAMILY)
            running: list[int] = []
            eventually("the end of the rollout", lambda: self.rolled(running), patience=60.0)
            self.stable()
            if min(running) < DESIRED:
                raise DemoError(f"only {min(running)} tasks ran at a moment of the rollout, where 100 % should")
            self.stage.tell(f"seen {len(running)} times meanwhile: never fewer than {min(running)} tasks RUNNING")
            for task in self.service_tasks():
                self.show_page(address_of(task), "2")

    def rolled(self, running: list[int]) -> bool | None:
        """True when one deployment is left; notes on the way how many tasks run."""
        service = self.service()
        running.append(service["runningCount"])
        return True if len(service["deployments"]) == 1 else None

    def scale_to_nothing(self) -> None:
        with self.stage.step("the service is scaled to 0"):
            self.clients.aws("ecs", "update-service", "--service", "web", "--desired-count", "0")
            self.stable()

    # --- the end ----------------------------------------------------------------------------------

    def delete_all(self) -> None:
        with self.stage.step("all is deleted: service, task, revisions, repository, log group, cluster"):
            self.clients.aws("ecs", "delete-service", "--service", "web")
            self.ecs.get_waiter("services_inactive").wait(services=["web"], WaiterConfig=WAITER)
            self.clients.aws("ecs", "stop-task", "--task", self.task_arn, "--reason", "the demo is over")
            self.ecs.get_waiter("tasks_stopped").wait(tasks=[self.task_arn], WaiterConfig=WAITER)
            for revision in self.revisions:
                self.ecs.deregister_task_definition(taskDefinition=revision)
            self.ecs.delete_task_definitions(taskDefinitions=self.revisions)
            self.clients.aws("ecr", "delete-repository", "--repository-name", FAMILY, "--force")
            self.clients.aws("logs", "delete-log-group", "--log-group-name", GROUP)
            self.clients.aws("ecs", "delete-cluster", "--cluster", "default")
            self.stage.tell("nothing is left to describe")


def address_of(task: dict[str, Any]) -> str:
    """What its network interface is given, as every client of ECS reads it."""
    details = task["attachments"][0]["details"]
    return next(str(detail["value"]) for detail in details if detail["name"] == "privateIPv4Address")


def short(arn: str) -> str:
    return arn.rpartition("/")[2]
