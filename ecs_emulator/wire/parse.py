"""A request body becomes the parameters its model promises, or a SerializationException in AWS's own words.

Only JSON types are judged here. Members that the model does not know are ignored, a null is as good as nothing wherever
it stands, of two equal keys the last one counts. What a value may be is `check`'s matter.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from ecs_emulator.wire import encoding
from ecs_emulator.wire.errors import SerializationException
from ecs_emulator.wire.models import ServiceModel, Shape, tied

Parser = Callable[[Any], Any]

DEEPEST_DOCUMENT = 100
"""How far a member that may be any JSON may be nested: encoders stop at some 250 levels, and it must fit a store."""

_INTEGER = (-(2**31), 2**31 - 1)
_LONG = (-(2**63), 2**63 - 1)
_TIMES = (-62_135_596_800, 253_402_300_799)
"""The years 1 to 9999, as far as clients' calendars go: a later time that came back in an answer would break them."""


def decode(body: bytes) -> Any:
    """The JSON of a request body; an empty body is `{}`."""
    if not body:
        return {}
    try:
        return encoding.decode(body)
    except ValueError:
        raise SerializationException() from None


def compile_input(model: ServiceModel, shape_name: str | None, java_package: str) -> Parser:
    """The parser of one operation's input.

    `java_package` is where AWS's front end keeps the classes that it names when a list stands in a structure's place.
    """
    if shape_name is None:
        return _structure("", {}, java_package)
    parse = _Compiler(model, java_package).parser(shape_name)

    def parse_input(value: Any) -> Any:
        if value is None:
            return {}
        try:
            return parse(value)
        except RecursionError:
            raise SerializationException() from None

    return parse_input


class _Compiler:
    """Makes the closures of one input. Lives while it does so."""

    def __init__(self, model: ServiceModel, java_package: str) -> None:
        self._model = model
        self._package = java_package
        self._made: dict[str, Parser] = {}

    def parser(self, name: str) -> Parser:
        return tied(self._made, name, lambda: self._build(self._model.shapes[name]))

    def _build(self, shape: Shape) -> Parser:
        if shape.document:
            return _document
        match shape.type:
            case "structure":
                members = {member: self.parser(target) for member, target in shape.members.items()}
                return _structure(shape.name, members, self._package)
            case "list":
                return _list(self.parser(shape.element))
            case "map":
                return _map(self.parser(shape.element), self._java_class(shape.element))
            case other:
                return _SCALARS[other]

    def _java_class(self, name: str) -> str:
        return _JAVA_CLASSES.get(self._model.shapes[name].type, f"{self._package}.{name}")


# --- what has members --------------------------------------------------------------------------------------


def _structure(name: str, members: dict[str, Parser], java_package: str) -> Parser:
    find = members.get

    def parse_structure(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            if type(value) is list:
                raise SerializationException(f"Unrecognized collection type class {java_package}.{name}")
            raise SerializationException("Expected null")
        parsed = {}
        for member, item in value.items():
            if item is not None and (parse := find(member)) is not None:
                parsed[member] = parse(item)
        return parsed

    return parse_structure


def _list(parse: Parser) -> Parser:
    def parse_list(value: Any) -> list[Any]:
        if type(value) is not list:
            if type(value) is dict:
                raise SerializationException("Start of structure or map found where not expected.")
            raise SerializationException("Expected list or null")
        return [parse(item) for item in value if item is not None]

    return parse_list


def _map(parse: Parser, value_class: str) -> Parser:
    java_class = f"java.util.Map<java.lang.String, {value_class}>"

    def parse_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            if type(value) is list:
                raise SerializationException(f"Unrecognized collection type {java_class}")
            raise SerializationException("Expected map or null")
        return {key: parse(item) for key, item in value.items() if item is not None}

    return parse_map


def _document(value: Any) -> Any:
    layer = [value]
    for _ in range(DEEPEST_DOCUMENT):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return value
    raise SerializationException()


def _inside(value: Any) -> list[Any]:
    if type(value) is dict:
        return list(value.values())
    return value if type(value) is list else []


# --- what has none -----------------------------------------------------------------------------------------


def _refuse(value: Any, wanted: str, java_class: str) -> NoReturn:
    if type(value) is list:
        raise SerializationException(f"Unrecognized collection type class {java_class}")
    if type(value) is dict:
        raise SerializationException("Start of structure or map found where not expected.")
    raise SerializationException(f"{_token(value)} can not be converted to {wanted}")


def _token(value: Any) -> str:
    if type(value) is str:
        return "STRING_VALUE"
    if type(value) is bool:
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "NUMBER_VALUE"


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    _refuse(value, "a String", "java.lang.String")


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    _refuse(value, "a Boolean", "java.lang.Boolean")


def _whole(wanted: str, java_class: str, bounds: tuple[int, int]) -> Parser:
    lowest, highest = bounds

    def parse_whole(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)  # 1e3 is a thousand
        if type(value) is int and lowest <= value <= highest:
            return value
        _refuse(value, wanted, java_class)

    return parse_whole


def _fraction(wanted: str, java_class: str) -> Parser:
    def parse_fraction(value: Any) -> float:
        if type(value) is float or (type(value) is int and _LONG[0] <= value <= _LONG[1]):
            return float(value)
        _refuse(value, wanted, java_class)

    return parse_fraction


def _timestamp(value: Any) -> float:
    if type(value) in (int, float) and _TIMES[0] <= value <= _TIMES[1]:
        return float(value)
    if type(value) is str and (moment := _iso_moment(value)) is not None:
        return moment.timestamp()
    _refuse(value, "milliseconds since epoch", "java.util.Date")


def _iso_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        _refuse(value, "a Blob", "java.nio.ByteBuffer")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        _refuse(value, "a Blob", "java.nio.ByteBuffer")


_SCALARS: dict[str, Parser] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _whole("an Integer", "java.lang.Integer", _INTEGER),
    "long": _whole("a Long", "java.lang.Long", _LONG),
    "float": _fraction("a Float", "java.lang.Float"),
    "double": _fraction("a Double", "java.lang.Double"),
    "timestamp": _timestamp,
    "blob": _blob,
}

_JAVA_CLASSES = {
    "string": "java.lang.String",
    "boolean": "java.lang.Boolean",
    "integer": "java.lang.Integer",
    "long": "java.lang.Long",
    "float": "java.lang.Float",
    "double": "java.lang.Double",
    "timestamp": "java.util.Date",
    "blob": "java.nio.ByteBuffer",
}
