"""Every way in which a request can be bad, read from the model: one spoiled request for each member and each kind of fault."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ecs_emulator.wire import patterns
from ecs_emulator.wire.models import Shape
from tests.model.requests import Params
from tests.model.world import ROLE
from tests.simulation import ECS

SHAPES = ECS.model.shapes
ELEMENT, ENTRY = "[]", "{}"
WHOLE, FRACTIONS = ("integer", "long"), ("float", "double")
LARGEST = {"integer": 2**31 - 1, "long": 2**63 - 1}
LONG_TEXT = "x" * 100_000

JSON_TYPES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    ("text", ("string",)),
    (7, (*WHOLE, *FRACTIONS, "timestamp")),
    (1.5, (*FRACTIONS, "timestamp")),
    (True, ("boolean",)),
    ([], ("list",)),
    (["text"], ()),
    ({}, ("structure", "map")),
    ({"text": ["text"]}, ()),
)
"""A value of each JSON type, and the model's types that take it; the filled ones are bad for what they hold, too."""

KNOWN_VALUES = {
    "subnets": "subnet-1",
    "securityGroups": "sg-1",
    "image": "app:1",
    "sourceVolume": "data",
    "containerPath": "/data",
    "capacityProvider": "mine",
    "containerName": "app",
    "roleArn": ROLE,
    "value": "1",
}
"""What a member that the spoiled one needs beside it is set to."""


@dataclass(frozen=True, slots=True)
class Site:
    """One member, wherever it stands in a request: `containerDefinitions[].name`."""

    steps: tuple[str, ...]
    shape: Shape
    required: bool

    @property
    def path(self) -> str:
        return ".".join(self.steps).replace(f".{ELEMENT}", ELEMENT).replace(f".{ENTRY}", ENTRY)


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that is bad in one way."""

    operation: str
    kind: str
    path: str
    body: bytes
    text: str
    """The bad value, as far as it fits a line."""

    def __str__(self) -> str:
        return f"{self.operation} {self.path} {self.kind} {self.text}"


# --- where something can be bad -------------------------------------------------------------------------------------


def sites(operation: str) -> Iterator[Site]:
    """Every member, element and entry of the operation's input; a shape inside itself is not entered again."""
    name = ECS.model.operations[operation].input
    assert name is not None
    yield from _inside(SHAPES[name], (), (name,))


def _inside(shape: Shape, steps: tuple[str, ...], entered: tuple[str, ...]) -> Iterator[Site]:
    if shape.type == "structure":
        inner = [(member, target, member in shape.required) for member, target in shape.members.items()]
    elif shape.type in ("list", "map"):
        inner = [(ELEMENT if shape.type == "list" else ENTRY, shape.element, False)]
    else:
        return
    for step, target, required in inner:
        if target not in entered:
            yield Site((*steps, step), SHAPES[target], required)
            yield from _inside(SHAPES[target], (*steps, step), (*entered, target))


def least(shape: Shape, member: str = "") -> Any:
    """The smallest value of this shape: required members only."""
    match shape.type:
        case "structure":
            return {name: least(SHAPES[shape.members[name]], name) for name in shape.required}
        case "list":
            return [least(SHAPES[shape.element], member)]
        case "map":
            return {"key": least(SHAPES[shape.element], member)}
        case "string":
            return shape.enum[0] if shape.enum else KNOWN_VALUES.get(member, "text")
        case "boolean":
            return True
    return max(1, int(shape.minimum or 0))


def changed(operation: str, base: Params, steps: tuple[str, ...], change: Callable[[Any, Any], None]) -> Params:
    """The request with the parents of this place filled in, and the place itself changed: `change(parent, key)`."""
    params: Any = copy.deepcopy(base)
    here, shape, member = params, SHAPES[str(ECS.model.operations[operation].input)], ""
    for step in steps[:-1]:
        here, shape, member = _stepped(here, shape, member, step)
    change(here, {ELEMENT: 0, ENTRY: "key"}.get(steps[-1], steps[-1]))
    return dict(params)


def _stepped(here: Any, shape: Shape, member: str, step: str) -> tuple[Any, Shape, str]:
    if step == ELEMENT:
        target = SHAPES[shape.element]
        return here[0], target, member
    if step == ENTRY:
        return here.setdefault("key", least(SHAPES[shape.element], member)), SHAPES[shape.element], member
    target = SHAPES[shape.members[step]]
    return here.setdefault(step, least(target, step)), target, step


# --- what can be bad there ------------------------------------------------------------------------------------------


def faults(operation: str, base: Params) -> Iterator[Fault]:
    """All spoiled requests of the operation."""
    for site in sites(operation):
        for kind, value in _values(site):
            params = changed(operation, base, site.steps, partial(_set, value))
            yield _fault(operation, kind, site.path, params, repr(value)[:40])
        if site.required:
            params = changed(operation, base, site.steps, _without)
            yield _fault(operation, "missing", site.path, params, "")
    for kind, body in bodies(base):
        yield Fault(operation, kind, "", body, repr(body[:40]))


def _without(parent: Any, key: Any) -> None:
    parent.pop(key, None)


def _set(value: Any, parent: Any, key: Any) -> None:
    if isinstance(parent, list) and not parent:
        parent.append(value)
    else:
        parent[key] = value


def _fault(operation: str, kind: str, path: str, params: Params, text: str) -> Fault:
    return Fault(operation, kind, path, json.dumps(params).encode(), text)


def _values(site: Site) -> Iterator[tuple[str, Any]]:
    """Bad values with the kind of what is bad about them."""
    shape = site.shape
    if shape.document:
        return
    for value, takers in JSON_TYPES:
        if shape.type not in takers and not _harmless(shape, value):
            yield "wrong type", value
    if site.required:
        yield "null", None
    if shape.type == "string":
        yield from _texts(site)
    if shape.type in (*WHOLE, *FRACTIONS):
        yield from _numbers(shape)
    if shape.type in ("list", "map"):
        yield from _collections(site)


def _harmless(shape: Shape, value: Any) -> bool:
    """Whether what the value holds makes it no worse: unknown members of a structure, strings in a list of them."""
    if shape.type == "list" and value == ["text"]:
        return SHAPES[shape.element].type == "string"
    return shape.type == "structure" and isinstance(value, dict)


def _texts(site: Site) -> Iterator[tuple[str, Any]]:
    shape = site.shape
    if shape.maximum is None:
        yield "very long", LONG_TEXT
    else:
        yield "too long", "x" * (int(shape.maximum) + 1)
    yield "NUL", "a\0b"
    yield "blank" if site.required else "empty", ""
    if shape.enum:
        yield "bad enum", "NO_SUCH_VALUE"
    if shape.pattern is not None and (pattern := patterns.compiled(shape.pattern)) is not None:
        unlike = [text for text in ("", "!", "\a", "<>", "\u2603") if pattern.fullmatch(text) is None]
        if unlike:
            yield "bad pattern", unlike[-1]


def _numbers(shape: Shape) -> Iterator[tuple[str, Any]]:
    yield "negative", -1
    if shape.maximum is not None:
        yield "too large", int(shape.maximum) + 1
    if shape.minimum is not None:
        yield "too small", int(shape.minimum) - 1
    if shape.type in WHOLE:
        yield "huge", LARGEST[shape.type]
        yield "wrong type", LARGEST[shape.type] + 1
    else:
        yield "huge", 1e308


def _collections(site: Site) -> Iterator[tuple[str, Any]]:
    shape = site.shape
    yield "blank" if site.required else "empty", [] if shape.type == "list" else {}
    item = least(SHAPES[shape.element], site.steps[-1])
    many = 1_000 if shape.maximum is None else int(shape.maximum) + 1
    kind = "very many" if shape.maximum is None else "too many"
    yield kind, [item] * many if shape.type == "list" else {f"key{number}": item for number in range(many)}


# --- bodies that are bad as a whole ---------------------------------------------------------------------------------


def bodies(base: Params) -> Iterator[tuple[str, bytes]]:
    good = json.dumps(base).encode()
    yield "no object", b"[]"
    yield "no object", b"[" + good + b"]"
    yield "no object", b'"text"'
    yield "no object", b"7"
    yield "no object", b"true"
    yield "no JSON", good[:-1]
    yield "no JSON", good + b"}"
    yield "no JSON", b"text"
    yield "no JSON", b"\0"
    yield "no JSON", good[:-1] + b', "number": NaN}'
    yield "no JSON", good[:-1] + b', "number": 1e400}'
    yield "no JSON", "{}".encode("utf-16")
    yield "invalid UTF-8", good[:-1] + b', "text": "\xff"}'
    yield "invalid UTF-8", good[:-1] + b', "text": "\xed\xa0\x80"}'
    yield "lone surrogate", good[:-1] + b', "text": "\\ud800"}'
    yield "deep", good[:-1] + b', "text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "deep", b'{"a":' * 100_000 + b"7" + b"}" * 100_000
    for member, value in base.items():
        name = json.dumps(member).encode()
        yield "deep", good[:-1] + b", " + name + b": " + b"[" * 500 + b"]" * 500 + b"}"
        if not isinstance(value, dict):
            yield "duplicate", good[:-1] + b", " + name + b": {}}"
        if isinstance(value, str):
            yield "10 MB", good[:-1] + b", " + name + b': "' + b"x" * 10_000_000 + b'"}'
