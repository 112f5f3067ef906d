"""The protocol is read, not written: botocore's own service models, taken from its data without importing botocore."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from ecs_emulator.wire import encoding

P = ParamSpec("P")
T = TypeVar("T")

_ACRONYM_PLURAL = re.compile("[A-Z]{2,}s$")
_WORD = re.compile("(.)([A-Z][a-z]+)")
_WORD_END = re.compile("([a-z0-9])([A-Z])")


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a model. It names other shapes instead of holding them, because shapes may contain themselves."""

    name: str
    type: str
    """structure, list, map, string, integer, long, float, double, boolean, timestamp or blob."""
    members: Mapping[str, str]
    """A structure's members and the names of their shapes."""
    required: tuple[str, ...]
    element: str
    """The shape of a list's members or of a map's values."""
    key: str
    """The shape of a map's keys."""
    minimum: float | None
    maximum: float | None
    pattern: str | None
    enum: tuple[str, ...]
    document: bool
    """Any JSON at all, whatever the members say."""
    streamed: bool
    """An event stream: not part of a JSON document."""
    union: bool = False
    """A structure with exactly one of its members: clients read no other."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name on the wire, boto3's name for it, and the names of its shapes."""

    name: str
    python_name: str
    input: str | None
    output: str | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceModel:
    """What botocore knows of one service. Lives as long as the process."""

    service: str
    version: str
    target_prefix: str
    json_version: str
    signing_name: str
    operations: Mapping[str, Operation]
    shapes: Mapping[str, Shape]


@functools.cache
def load(service: str) -> ServiceModel:
    """The newest model of a service in the installed botocore, by its folder's name there: `ecs`, `ecr`, `logs`."""
    spec = importlib.util.find_spec("botocore")  # found but not imported: that costs more than reading the model
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("botocore is not installed: the service models are read from its data")
    versions = sorted(Path(spec.submodule_search_locations[0], "data", service).glob("*/service-2.json*"))
    if not versions:
        raise LookupError(f"the installed botocore has no model of {service}")
    return _model(service, _read(versions[-1]))


def xform_name(name: str) -> str:
    """boto3's name for an operation: `list_tags_for_resource` for `ListTagsForResource`. The rule is botocore's."""
    plural = _ACRONYM_PLURAL.search(name)
    if plural is not None:
        name = f"{name[: plural.start()]}_{plural.group().lower()}"
    return _WORD_END.sub(r"\1_\2", _WORD.sub(r"\1_\2", name)).lower()


def tied(made: dict[str, Callable[P, T]], name: str, build: Callable[[], Callable[P, T]]) -> Callable[P, T]:
    """Compile each shape once, also one that contains itself: meanwhile its name stands for what it will be."""
    found = made.get(name)
    if found is not None:
        return found

    def later(*args: P.args, **kwargs: P.kwargs) -> T:
        return made[name](*args, **kwargs)

    made[name] = later
    made[name] = build()
    return made[name]


def _read(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    model: dict[str, Any] = encoding.decode(content)
    return model


def _model(service: str, model: dict[str, Any]) -> ServiceModel:
    metadata = model["metadata"]
    return ServiceModel(
        service=service,
        version=metadata["apiVersion"],
        target_prefix=metadata["targetPrefix"],
        json_version=metadata["jsonVersion"],
        signing_name=metadata.get("signingName", metadata["endpointPrefix"]),
        operations=MappingProxyType({name: _operation(name, each) for name, each in model["operations"].items()}),
        shapes=MappingProxyType({name: _shape(name, each) for name, each in model["shapes"].items()}),
    )


def _operation(name: str, operation: dict[str, Any]) -> Operation:
    return Operation(
        name=name,
        python_name=xform_name(name),
        input=operation.get("input", {}).get("shape"),
        output=operation.get("output", {}).get("shape"),
        errors=tuple(error["shape"] for error in operation.get("errors", ())),
    )


def _shape(name: str, shape: dict[str, Any]) -> Shape:
    element = shape.get("member") or shape.get("value") or {}
    return Shape(
        name=name,
        type=shape["type"],
        members={member: target["shape"] for member, target in shape.get("members", {}).items()},
        required=tuple(shape.get("required", ())),
        element=element.get("shape", ""),
        key=shape.get("key", {}).get("shape", ""),
        minimum=shape.get("min"),
        maximum=shape.get("max"),
        pattern=shape.get("pattern"),
        enum=tuple(shape.get("enum", ())),
        document=shape.get("document", False),
        streamed=shape.get("eventstream", False),
        union=shape.get("union", False),
    )
