"""What the emulator knows: one frozen dataclass per table, found by its `KEY`; a change is `replace()` then `put()`."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

Mark = tuple[str, str]
"""A slice of the loop that a record belongs to: ("task", arn), ("service", arn), ("instance", arn) or ("daemon", arn)."""


def kinds() -> Iterator[type]:
    """Every record class of this package, in the order of modules and names: the tables of the store."""
    for module_name in sorted(found.name for found in pkgutil.iter_modules(__path__)):
        module = importlib.import_module(f"{__name__}.{module_name}")
        for name, value in sorted(vars(module).items()):
            if _is_record(value) and value.__module__ == module.__name__:
                assert name == value.__name__
                yield value


def _is_record(value: object) -> bool:
    return isinstance(value, type) and dataclasses.is_dataclass(value) and hasattr(value, "KEY")
