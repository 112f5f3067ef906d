"""CPU is counted in units of 1/1024 vCPU and memory in MiB, in whichever words they are asked for.

Source: `cpu` and `memory` of RegisterTaskDefinition; "Task size" in the ECS developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal

from ecs_emulator.rules.definitions import facts
from ecs_emulator.rules.definitions.rule import Definition, Refusals

_AMOUNT = re.compile(r"\s*(\d{1,9}|\d{0,6}\.\d{1,9})\s*(vcpu|gb)?\s*", re.IGNORECASE | re.ASCII)
SMALLEST_CPU, LARGEST_CPU = 128, 196_608
"""An eighth of a vCPU, and 192 of them."""

FARGATE_SIZES: dict[int, Collection[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""CPU units → the MiB of memory that go with them."""
WINDOWS_CPUS = (1024, 2048, 4096)


def cpu_units(text: str) -> int | None:
    """1024 for `1024`, `1 vCPU` and `1vcpu`, 256 for `.25 vCPU`; None where the text is no amount of CPU."""
    return _amount(text, "vcpu")


def memory_mib(text: str) -> int | None:
    """2048 for `2048`, `2 GB` and `2gb`, 512 for `.5 GB`; None where the text is no amount of memory."""
    return _amount(text, "gb")


def _amount(text: str, unit: str) -> int | None:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    number, given = Decimal(found[1]), found[2]
    if given is not None:
        number *= 1024
    if number != int(number) or number == 0 or (given or unit).lower() != unit:
        return None
    return int(number)


def fits_fargate(cpu: int, memory: int, *, windows: bool = False) -> bool:
    """Whether Fargate has machines of this size."""
    if windows and cpu not in WINDOWS_CPUS:
        return False
    return memory in FARGATE_SIZES.get(cpu, ())


def cpu(definition: Definition) -> Refusals:
    """Fargate's own table judges its sizes; elsewhere an amount must only be a possible one."""
    text = definition.get("cpu")
    if text is None:
        return
    units = cpu_units(text)
    if units is None or not (facts.is_fargate(definition) or SMALLEST_CPU <= units <= LARGEST_CPU):
        yield "Invalid 'cpu' setting for task."


def memory(definition: Definition) -> Refusals:
    text = definition.get("memory")
    if text is not None and memory_mib(text) is None:
        yield "Invalid 'memory' setting for task."


def of_containers(definition: Definition) -> Refusals:
    """The containers share what the task has: the sum of CPU and each container's memory stay within it."""
    if text := definition.get("cpu"):
        asked = sum(container.get("cpu") or 0 for container in facts.containers(definition))
        if asked > (cpu_units(text) or 0):
            yield "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."
    if text := definition.get("memory"):
        for container in facts.containers(definition):
            if (container.get("memory") or 0) > (memory_mib(text) or 0):
                yield f"The 'memory' setting for container '{container['name']}' is greater than for the task."
