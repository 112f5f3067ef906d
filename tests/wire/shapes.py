"""A model made for a test: one structure of each kind of shape, and each kind of constraint."""

from __future__ import annotations

from typing import Any

from ecs_emulator.wire.models import Operation, ServiceModel, Shape

BLANK: dict[str, Any] = {
    "members": {},
    "required": (),
    "element": "",
    "key": "",
    "minimum": None,
    "maximum": None,
    "pattern": None,
    "enum": (),
    "document": False,
    "streamed": False,
}


def shape(name: str, type_: str, **traits: Any) -> Shape:
    return Shape(name=name, type=type_, **(BLANK | traits))


EVERY_TYPE = {
    "text": "Text",
    "whole": "Whole",
    "long": "Long",
    "double": "Double",
    "float": "Float",
    "flag": "Flag",
    "moment": "Moment",
    "bytes": "Bytes",
    "texts": "Texts",
    "map": "TextMap",
    "part": "Part",
    "parts": "Parts",
    "anything": "Anything",
}


def model(*more: Shape, members: dict[str, str] | None = None, required: tuple[str, ...] = ()) -> ServiceModel:
    """A service with the one operation `Do`, whose input and output have these members, or one of each type."""
    shapes = [
        shape("DoRequest", "structure", members=EVERY_TYPE if members is None else members, required=required),
        shape("Text", "string"),
        shape("Whole", "integer"),
        shape("Long", "long"),
        shape("Double", "double"),
        shape("Float", "float"),
        shape("Flag", "boolean"),
        shape("Moment", "timestamp"),
        shape("Bytes", "blob"),
        shape("Texts", "list", element="Text"),
        shape("TextMap", "map", key="Text", element="Text"),
        shape("Part", "structure", members={"text": "Text", "part": "Part"}),
        shape("Parts", "list", element="Part"),
        shape("Anything", "structure", document=True),
        *more,
    ]
    return ServiceModel(
        service="test",
        version="2020-01-01",
        target_prefix="Test",
        json_version="1.1",
        signing_name="test",
        operations={"Do": Operation("Do", "do", "DoRequest", "DoRequest", ())},
        shapes={each.name: each for each in shapes},
    )
