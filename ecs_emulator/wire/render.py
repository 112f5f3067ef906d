"""An operation's document becomes the answer: only what the output shape names, and never a null.

A value of a type that the model does not have there is a bug of the operation, and is raised as one.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

from ecs_emulator.wire.models import ServiceModel, Shape, tied

Renderer = Callable[[Any], Any]


class Unrenderable(TypeError):
    """An operation answered something that its output shape cannot hold. Never the client's fault."""


def compile_output(model: ServiceModel, shape_name: str | None) -> Renderer:
    """The renderer of one operation's output; without an output shape whatever it is given becomes `{}`."""
    if shape_name is None:
        return _structure("", {})
    return _Compiler(model).renderer(shape_name)


class _Compiler:
    """Makes the closures of one output. Lives while it does so."""

    def __init__(self, model: ServiceModel) -> None:
        self._shapes = model.shapes
        self._made: dict[str, Renderer] = {}

    def renderer(self, name: str) -> Renderer:
        return tied(self._made, name, lambda: self._build(self._shapes[name]))

    def _build(self, shape: Shape) -> Renderer:
        if shape.document:
            return _as_it_is
        match shape.type:
            case "structure":
                targets = {member: self._shapes[target] for member, target in shape.members.items()}
                members = {member: self.renderer(each.name) for member, each in targets.items() if not each.streamed}
                return _structure(shape.name, members)
            case "list":
                return _list(self.renderer(shape.element))
            case "map":
                return _map(self.renderer(shape.element))
            case other:
                return _SCALARS[other]


def _structure(name: str, members: dict[str, Renderer]) -> Renderer:
    find = members.get

    def render_structure(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, "a structure")
        rendered = {}
        member = ""
        try:
            for member, item in value.items():
                if item is not None and (render := find(member)) is not None:
                    rendered[member] = render(item)
        except Unrenderable as error:
            raise Unrenderable(f"{name}.{member}: {error}") from None
        return rendered

    return render_structure


def _list(render: Renderer) -> Renderer:
    def render_list(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise _wrong(value, "a list")
        return [render(item) for item in value]

    return render_list


def _map(render: Renderer) -> Renderer:
    def render_map(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, "a map")
        return {_string(key): render(item) for key, item in value.items() if item is not None}

    return render_map


def _wrong(value: Any, wanted: str) -> Unrenderable:
    return Unrenderable(f"{value!r} where the model has {wanted}")


def _as_it_is(value: Any) -> Any:
    return value


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _wrong(value, "a string")


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _wrong(value, "a boolean")


def _whole(value: Any) -> int:
    if type(value) is int:
        return value
    raise _wrong(value, "a whole number")


def _fraction(value: Any) -> float:
    if type(value) in (int, float) and math.isfinite(value):
        return float(value)
    raise _wrong(value, "a number")


def _timestamp(value: Any) -> float:
    """Seconds since the epoch, to the millisecond, as AWS JSON has them."""
    if type(value) in (int, float) and math.isfinite(value):
        return round(float(value), 3)
    raise _wrong(value, "a time in seconds since the epoch")


def _blob(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise _wrong(value, "bytes")


_SCALARS: dict[str, Renderer] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _whole,
    "long": _whole,
    "float": _fraction,
    "double": _fraction,
    "timestamp": _timestamp,
    "blob": _blob,
}
