"""`aws ecs …` as somebody types it, with the AWS CLI of version 1 or 2, unmodified: told an endpoint and keys, no more."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.environment import ROOT, TOOLS, calm
from tests.scenarios.server import REGION, Server
from tests.scenarios.waiting import eventually

PROGRAMS = {1: ROOT / ".cache" / "aws-1" / "bin" / "aws", 2: TOOLS / "aws"}
"""Where the set-up puts each version."""

AT_ONCE = 4
PATIENCE = 90.0
REFUSED = re.compile(
    r"^(?:aws: \[ERROR\]: )?An error occurred \((\w+)\) when calling the \w+ operation: ?(.*)", re.MULTILINE
)
NETWORK = "awsvpcConfiguration={subnets=[subnet-0a1b2c3d],assignPublicIp=ENABLED}"
FARGATE = ("--launch-type", "FARGATE", "--network-configuration", NETWORK)
Word = str | Path
Line = Sequence[Word]


@cache
def why_no(version: int) -> str | None:
    """None where the set-up has an AWS CLI of this version."""
    program = PROGRAMS[version]
    if not program.exists():
        return f"version {version} of the AWS CLI is not set up: `make test` does it"
    said = subprocess.run([program, "--version"], env=calm(os.environ), capture_output=True, text=True, check=False)
    if f"aws-cli/{version}." not in said.stdout + said.stderr:
        return f"the AWS CLI here is not of version {version}: {said.stdout}{said.stderr}"
    return None


@dataclass(frozen=True, slots=True)
class Prompt:
    """Lives as long as its test, and has an account, so a world, of its own."""

    version: int
    server: Server
    account: str
    home: Path

    @property
    def environment(self) -> Mapping[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": self.account, "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION}
        kept = calm(os.environ)
        return {**kept, **keys, "HOME": str(self.home), "PATH": f"{self.home / 'bin'}{os.pathsep}{kept['PATH']}"}

    def tries(self, *words: Word, **variables: str) -> subprocess.CompletedProcess[str]:
        """`aws …`, whatever becomes of it."""
        return subprocess.run(
            (PROGRAMS[self.version], *words),
            cwd=self.home,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def ecs(self, *words: Word) -> Any:
        """The answer of `aws ecs …`, its JSON read, or its text; it has to succeed."""
        done = self.tries("--endpoint-url", self.server.endpoint, "ecs", *words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        said = done.stdout.strip()
        return json.loads(said) if said.startswith(("{", "[")) else said

    def all(self, *lines: Line) -> list[Any]:
        """The answers of commands that do not wait for each other."""
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(lambda line: self.ecs(*line), lines))

    def fails(self, *words: Word) -> tuple[int, str]:
        """The exit status of an `aws ecs …` that fails, and what it says."""
        done = self.tries("--endpoint-url", self.server.endpoint, "ecs", *words)
        assert (done.returncode != 0, done.stdout.strip()) == (True, ""), f"{words}: {done.stdout}"
        return done.returncode, done.stderr.strip()

    def refused(self, *words: Word) -> tuple[str, str]:
        """Code and message of the service's refusal, as they are printed; the exit status is the one of each version."""
        status, said = self.fails(*words)
        found = REFUSED.search(said)
        assert found is not None, said
        assert status == {1: 255, 2: 254}[self.version]
        return found[1], found[2]

    def all_refused(self, *lines: Line) -> list[tuple[str, str]]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(lambda line: self.refused(*line), lines))

    def waits(self, waiter: str, *words: Word) -> None:
        """`aws ecs wait …` looks at once; what it waits for is there, since its pauses are of 6 and 15 seconds."""
        assert self.ecs("wait", waiter, *words) == ""

    def file(self, name: str, document: Any) -> str:
        """What `file://` names in a command."""
        path = self.home / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return f"file://{path}"

    def arn(self, resource: str) -> str:
        return f"arn:aws:ecs:{REGION}:{self.account}:{resource}"

    # --- beside the scenario, at less cost than another command -------------------------------------------------------

    def given(self, operation: str, **params: Any) -> dict[str, Any]:
        """What the scenario begins with, or a look in the midst of it: asked through boto3."""
        answer: dict[str, Any] = getattr(self.server.client("ecs", account=self.account), operation)(**params)
        return answer

    def defined(self, family: str = "web", words: str = "") -> None:
        """One more revision of a definition for Fargate; the words are for the simulation."""
        labels = {"dockerLabels": {"ecs-emulator.simulate": words}} if words else {}
        ports = [{"containerPort": 80, "name": "http"}]
        self.given(
            "register_task_definition",
            family=family,
            containerDefinitions=[{"name": "app", "image": "app:1", "portMappings": ports, **labels}],
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
        )

    def serving(self, name: str = "web", **more: Any) -> dict[str, Any]:
        """A cluster `default` with one service that is stable."""
        self.given("create_cluster")
        self.defined()
        network = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}
        asked = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network, "desiredCount": 1}
        self.given("create_service", serviceName=name, **{**asked, **more})
        return self.until_stable(name)

    def until(self, what: str, operation: str, holds: Callable[[dict[str, Any]], Any], **params: Any) -> dict[str, Any]:
        """The first answer of which that holds."""
        client = self.server.client("ecs", account=self.account)

        def look() -> dict[str, Any] | None:
            answer: dict[str, Any] = getattr(client, operation)(**params)
            return answer if holds(answer) else None

        return eventually(what, look)

    def until_task(self, status: str, *arns: str, cluster: str = "default") -> list[dict[str, Any]]:
        found = self.until(
            status,
            "describe_tasks",
            lambda answer: all(task["lastStatus"] == status for task in answer["tasks"]),
            cluster=cluster,
            tasks=list(arns),
        )
        return list(found["tasks"])

    def until_stable(self, service: str, cluster: str = "default") -> dict[str, Any]:
        def stable(answer: dict[str, Any]) -> bool:
            (one,) = answer["services"]
            return len(one["deployments"]) == 1 and one["runningCount"] == one["desiredCount"]

        found = self.until("a stable service", "describe_services", stable, cluster=cluster, services=[service])
        return dict(found["services"][0])
