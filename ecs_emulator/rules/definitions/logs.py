"""Log drivers: what each one needs to be told, and what it refuses to hear.

Source: LogConfiguration and FirelensConfiguration in the ECS API reference.
"""

from __future__ import annotations

import re

from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.definitions.rule import Container, Definition, Refusals, one_of

REQUIRED = {
    "awslogs": ("awslogs-region", "awslogs-group"),
    "splunk": ("splunk-token", "splunk-url"),
}
AWSLOGS_OPTIONS = frozenset(
    {
        "awslogs-create-group", "awslogs-datetime-format", "awslogs-group", "awslogs-multiline-pattern",
        "awslogs-region", "awslogs-stream-prefix", "max-buffer-size", "mode",
    }
)  # fmt: skip
"""`awslogs-endpoint` is Docker's, and refused."""
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")


def of_container(definition: Definition, container: Container) -> Refusals:
    """Any driver's name will do on EC2, where its owner may have built an agent that knows it."""
    yield from _router(container)
    configuration = container.get("logConfiguration")
    if configuration is None:
        return
    driver = configuration.get("logDriver")
    if not driver:
        yield "Log driver should not be null or empty."
    options = configuration.get("options") or {}
    given = options.keys() | {secret.get("name") for secret in facts.log_secrets(container)}
    if missing := [option for option in REQUIRED.get(driver, ()) if option not in given]:
        yield f"Log driver {driver} requires options: {', '.join(missing)}"
    if driver == "awslogs":
        yield from _awslogs(options)


def _awslogs(options: dict[str, str]) -> Refusals:
    if unknown := sorted(options.keys() - AWSLOGS_OPTIONS):
        yield f"Log driver awslogs disallows options: {', '.join(unknown)}"
    if not _GROUP.fullmatch(options.get("awslogs-group", "")):
        yield "Log driver awslogs option 'awslogs-group' contains invalid characters."
    if options.get("awslogs-create-group", "true") != "true":
        yield "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option."


def _router(container: Container) -> Refusals:
    if (router := container.get("firelensConfiguration")) is not None:
        yield from one_of("Firelens configuration type", router.get("type"), ("fluentd", "fluentbit"))


def routed(definition: Definition) -> Refusals:
    """A log router and a container that logs through it: neither goes without the other."""
    containers = facts.containers(definition)
    asks = any(facts.log_driver(container) == "awsfirelens" for container in containers)
    routes = any(container.get("firelensConfiguration") is not None for container in containers)
    if asks and not routes:
        yield (
            "When awsfirelens log driver is specified in log configuration, "
            "a firelens configuration object must be configured in one of the containers."
        )
    if routes and not asks:
        yield (
            "When a firelensConfiguration object is specified, "
            "at least one container has to be configured with the awsfirelens log driver."
        )
