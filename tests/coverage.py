"""What each operation does here and where that is seen: `python -m tests.coverage > docs/coverage.md` writes the page anew."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from botocore import xform_name

from ecs_emulator import ecr, ecs, logs
from ecs_emulator.ecr import constraints as ecr_constraints
from ecs_emulator.ecs import constraints as ecs_constraints
from ecs_emulator.logs import constraints as logs_constraints
from ecs_emulator.wire.dispatch import Service
from ecs_emulator.wire.models import load

SERVICES = (
    Service("ecs", load("ecs"), ecs, ecs_constraints),
    Service("ecr", load("ecr"), ecr, ecr_constraints),
    Service("logs", load("logs"), logs, logs_constraints),
)
TITLES = {"ecs": "Amazon ECS", "ecr": "Amazon ECR", "logs": "CloudWatch Logs"}
TESTS = Path(__file__).parent

BALANCER = "no load balancer is there yet"
NOT_ALL_REAL = {
    "AssociateGatewayWithCluster": f"stored: routes come to be with the services, but {BALANCER}",
    "CreateDaemon": "real: a task on each machine of its providers; `alarms` are stored only",
    "CreateExpressGatewayService": f"real but for what stands before it: {BALANCER}, no certificate, and scaling keeps `minTaskCount`",
    "CreateGateway": f"stored: {BALANCER}",
    "CreateService": f"real; load balancers, service registries and Service Connect are stored: {BALANCER}, nor Cloud Map",
    "CreateTaskSet": f"real; load balancers and service registries are stored: {BALANCER}, nor Cloud Map",
    "DescribeGatewayResources": f"always empty: {BALANCER}",
    "DescribeGatewayRoute": f"stored: a route is CREATE_FAILED, since {BALANCER}",
    "DiscoverPollEndpoint": "names this endpoint, where no agent can open a session yet",
    "ExecuteCommand": "checked, then TargetNotConnectedException: no session can be opened yet",
    "PutAccountSetting": "`containerInsights`, `defaultLogDriverMode` and `awsvpcTrunking` have their effect, the others are stored",
    "PutAccountSettingDefault": "as PutAccountSetting",
    "RegisterTaskDefinition": "real; what the engine is given of it is told in the README, App Mesh and fault injection are stored",
    "RunTask": "real; `referenceId` is ignored, EBS volumes are shown and not made",
    "StartTask": "real; `referenceId` is ignored, EBS volumes are shown and not made",
    "SubmitAttachmentStateChanges": "checked and acknowledged: the emulator's own agent is the witness of its tasks",
    "SubmitContainerStateChange": "checked and acknowledged: the emulator's own agent is the witness of its tasks",
    "SubmitTaskStateChange": "checked and acknowledged: the emulator's own agent is the witness of its tasks",
    "UpdateContainerAgent": "checked, then NoUpdateAvailableException: there is no newer agent",
    "UpdateExpressGatewayService": "as CreateExpressGatewayService",
    "UpdateGateway": f"stored: {BALANCER}",
}
"""What is not wholly as on AWS, and why."""


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What is built"
    yield ""
    yield "Every operation of the installed botocore is recognised. One that is not built answers HTTP 501,"
    yield "`NotImplementedException: The operation <service>:<Operation> is not built in this emulator yet.`, never an empty success."
    yield ""
    yield "*real*: it has the effect that it has on AWS. The last column is where most of its tests are; besides, each operation of ECS is"
    yield "asked with bad and with random valid requests made from botocore's model (`tests/model/`), from the prompt of the AWS CLI"
    yield "(`tests/scenarios/aws_ecs/`), and with 100,000 tasks in the store (`tests/ecs/test_indexes.py`)."
    yield ""
    yield "This page is written by `python -m tests.coverage > docs/coverage.md`, and a test holds it against the code."
    for service in SERVICES:
        built = service.functions()
        yield ""
        yield f"## {TITLES[service.name]}: {len(built)} of {len(service.model.operations)}"
        yield ""
        yield "| operation | what it does | built in | tested in |"
        yield "|---|---|---|---|"
        for name in sorted(service.model.operations):
            function = built.get(name)
            if function is None:
                yield f"| {name} | not built | — | — |"
                continue
            home = function.__module__.removeprefix("ecs_emulator.").replace(".", "/")
            tested = _tested(service.name, home.rpartition("/")[2], name)
            yield f"| {name} | {NOT_ALL_REAL.get(name, 'real')} | `{home}.py` | `{tested}` |"


def _tested(service: str, module: str, operation: str) -> str:
    """The test module that names the operation: its own, that of its module, else the one that names it most often."""
    said = re.compile(rf'"{operation}"|\b{xform_name(operation)}\b')
    found = {path: len(said.findall(text)) for path, text in _modules(service)}
    own = (f"test_{xform_name(operation)}", f"test_{module}")
    best = max(found, key=lambda path: (found[path] > 0 and path.stem in own, found[path], path.name))
    if not found[best]:
        raise LookupError(f"no test of {service} names {operation}")
    return str(best.relative_to(TESTS.parent))


@functools.cache
def _modules(service: str) -> tuple[tuple[Path, str], ...]:
    """The service's own tests, but for those that ask every operation alike."""
    paths = [path for path in sorted((TESTS / service).glob("test_*.py")) if path.name != "test_indexes.py"]
    return tuple((path, path.read_text(encoding="utf-8")) for path in paths)


if __name__ == "__main__":
    print(page(), end="")
