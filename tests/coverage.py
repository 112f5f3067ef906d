"""Which operations are built, as docs/coverage.md tells it: `python -m tests.coverage > docs/coverage.md` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator

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


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What is built"
    yield ""
    yield "Every operation of the installed botocore is recognised. One that is not built answers HTTP 501,"
    yield "`NotImplementedException: The operation <service>:<Operation> is not built in this emulator yet.`, never an empty success."
    yield ""
    yield "This page is written by `python -m tests.coverage > docs/coverage.md`, and a test holds it against the code."
    for service in SERVICES:
        built = service.functions()
        yield ""
        yield f"## {TITLES[service.name]}: {len(built)} of {len(service.model.operations)}"
        yield ""
        yield "| operation | built in |"
        yield "|---|---|"
        for name in sorted(service.model.operations):
            function = built.get(name)
            home = (
                "—"
                if function is None
                else f"`{function.__module__.removeprefix('ecs_emulator.').replace('.', '/')}.py`"
            )
            yield f"| {name} | {home} |"


if __name__ == "__main__":
    print(page(), end="")
