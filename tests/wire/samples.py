"""Samples grown from a model's shapes: every member set once, values that JSON carries without loss."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ecs_emulator.wire.models import ServiceModel, Shape

SERVICES = ("ecs", "ecr", "logs")

MOMENT = datetime(2023, 11, 14, 22, 13, 20, 125000, tzinfo=UTC)


def sample(model: ServiceModel, shape_name: str, open_shapes: tuple[str, ...] = ()) -> Any:
    """A value of this shape as boto3's user writes it: datetimes and bytes. A shape that contains itself ends there."""
    shape = model.shapes[shape_name]
    if shape.document:
        return {"any": ["JSON", {"deep": 1.5}]}
    inside = (*open_shapes, shape_name)
    match shape.type:
        case "structure":
            return {
                member: sample(model, target, inside)
                for member, target in shape.members.items()
                if target not in inside and not model.shapes[target].streamed
            }
        case "list":
            length = max(1, int(shape.minimum or 0))
            return [] if shape.element in inside else [sample(model, shape.element, inside)] * length
        case "map":
            key, value = sample(model, shape.key), sample(model, shape.element, inside)
            return {key[:-1] + str(n) if n else key: value for n in range(max(1, int(shape.minimum or 0)))}
        case "string":
            return shape.enum[-1] if shape.enum else _text(shape)
        case "timestamp":
            return MOMENT
        case "blob":
            return b"\x00\xff bytes"
        case "boolean":
            return True
        case "integer" | "long":
            return int(max(7, shape.minimum or 7) if shape.maximum is None else shape.maximum)
    return 0.25


def _text(shape: Shape) -> str:
    text = f"a {shape.name} – ünicode"
    text += "x" * (int(shape.minimum or 0) - len(text))
    return text if shape.maximum is None else text[: int(shape.maximum)]


def stored(value: Any) -> Any:
    """The same value as the emulator holds it: times are seconds since the epoch."""
    if isinstance(value, dict):
        return {key: stored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [stored(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value
