"""Containers of one task name each other: to start after, to link to, to take volumes from. No name leads in a circle.

Source: ContainerDependency, `links` and `volumesFrom` in the ECS API reference.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.definitions.rule import Container, Definition, Refusals, one_of

CONDITIONS = ("START", "COMPLETE", "SUCCESS", "HEALTHY")


def links(definition: Definition) -> Refusals:
    """Only a bridge has links; `name:alias` means the container `name`."""
    mode = facts.network_mode(definition)
    linked = {each["name"]: _linked(each) for each in facts.containers(definition)}
    if mode != "bridge" and any(linked.values()):
        yield f"Links are not supported when networkMode={mode}."
    for names in linked.values():
        for name in names:
            if name not in linked:
                yield f"Invalid 'links' setting. Unknown container: '{name}'."
    if _circular(linked):
        yield "Container links should not have a cycle"


def _linked(container: Container) -> list[str]:
    return [link.partition(":")[0] for link in container.get("links") or ()]


def volumes_from(definition: Definition) -> Refusals:
    names = {each["name"] for each in facts.containers(definition)}
    for container in facts.containers(definition):
        for item in container.get("volumesFrom") or ():
            if item.get("sourceContainer") not in names:
                yield f"Invalid 'volumesFrom' setting. Unknown container: '{item.get('sourceContainer', 'null')}'."


def depends_on(definition: Definition) -> Refusals:
    """HEALTHY needs a health check to wait for, SUCCESS and COMPLETE a container that may end before the task does."""
    by_name = {each["name"]: each for each in facts.containers(definition)}
    needed: dict[str, list[str]] = {}
    for name, container in by_name.items():
        items = container.get("dependsOn") or ()
        needed[name] = [item["containerName"] for item in items]
        for item, other_name in zip(items, needed[name], strict=True):
            if (other := by_name.get(other_name)) is None:
                yield f"Cannot depend on container + '{other_name}' because it does not exist"
                continue
            yield from _condition(item["condition"], other)
    if _circular(needed):
        yield "Container dependsOn contains a cycle"


def _condition(condition: str, needed: Container) -> Refusals:
    yield from one_of("condition", condition, CONDITIONS)
    if condition == "HEALTHY" and needed.get("healthCheck") is None:
        yield "A dependency container with HEALTHY condition must have health check configured"
    if condition in ("SUCCESS", "COMPLETE") and facts.essential(needed):
        yield "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"


def _circular(edges: dict[str, list[str]]) -> bool:
    if not any(edges.values()):
        return False
    try:
        TopologicalSorter(edges).prepare()
    except CycleError:
        return True
    return any(name in needed for name, needed in edges.items())  # graphlib overlooks a node that needs itself
