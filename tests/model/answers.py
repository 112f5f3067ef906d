"""What an answer must be: by botocore's parser for a refusal, by the model for a success."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import botocore.loaders
import botocore.model
import botocore.parsers

from ecs_emulator.ecs.constraints import OPEN_ENUMS
from ecs_emulator.wire import encoding
from tests.simulation import ECS, Simulation

LONGEST_SECONDS = 1.0
"""Of this thread's own work: how busy the machine is with other things is no matter of the request."""
GENERIC = frozenset({"SerializationException", "AccessDeniedException", "RequestEntityTooLargeException"})
"""What AWS's front end says of any request, whatever the operation declares."""

NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float), "timestamp": (int, float)}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took."""

    operation: str
    status: int
    body: bytes
    seconds: float

    @property
    def accepted(self) -> bool:
        return self.status == 200

    @property
    def code(self) -> str:
        """Of the error as botocore reads it; empty for a success."""
        return str(_parsed(self).get("Error", {}).get("Code", ""))

    def faults(self) -> list[str]:
        """What is wrong with it, whatever the request was."""
        found = [] if self.seconds < LONGEST_SECONDS else [f"took {self.seconds:.1f} s"]
        if self.accepted:
            return [*found, *unlike_the_model(self.operation, _parsed_json(self))]
        if not 400 <= self.status < 500:
            return [*found, f"status {self.status}: {self.body[:200]!r}"]
        if self.code not in GENERIC | declared(self.operation):
            found.append(f"answers {self.code!r}, which {self.operation} does not declare: {self.body[:200]!r}")
        return found


def ask(sim: Simulation, operation: str, body: bytes) -> Answer:
    """One request as it came over the wire; a bug of the emulator's own raises, as it does behind the door."""
    began = time.thread_time()
    status, content = ECS.answer(operation, body, sim.context())
    return Answer(operation, status, content, time.thread_time() - began)


@functools.cache
def botocore_model() -> Any:
    document = botocore.loaders.Loader().load_service_model("ecs", "service-2")
    return botocore.model.ServiceModel(document, "ecs")


@functools.cache
def declared(operation: str) -> frozenset[str]:
    """The errors that the operation may answer by the model."""
    return frozenset(shape.name for shape in botocore_model().operation_model(operation).error_shapes)


def _parsed(answer: Answer) -> Any:
    """As botocore's own parser reads the response."""
    response = {"status_code": answer.status, "headers": {}, "body": answer.body}
    shape = botocore_model().operation_model(answer.operation).output_shape
    return botocore.parsers.create_parser("json").parse(response, shape)


def _parsed_json(answer: Answer) -> Any:
    _parsed(answer)
    return encoding.decode(answer.body)


def unlike_the_model(operation: str, document: Any) -> list[str]:
    """Where the document is not what the operation's output shape says: a type, a null, a member or an enum's value."""
    shape = botocore_model().operation_model(operation).output_shape
    if shape is None:
        return [] if document == {} else [f"{operation} has no output and answers {document!r}"]
    return list(_unlike(shape, document, operation))


def _unlike(shape: Any, value: Any, path: str) -> list[str]:
    if value is None:
        return [f"{path} is null"]
    match shape.type_name:
        case "structure":
            if not isinstance(value, dict):
                return [f"{path} is {value!r:.60}, no structure"]
            unknown = [f"{path}.{name} is not in the model" for name in value.keys() - shape.members.keys()]
            known = [(name, item) for name, item in value.items() if name in shape.members]
            return unknown + [
                fault for name, item in known for fault in _unlike(shape.members[name], item, f"{path}.{name}")
            ]
        case "list":
            if not isinstance(value, list):
                return [f"{path} is {value!r:.60}, no list"]
            return [fault for item in value for fault in _unlike(shape.member, item, f"{path}[]")]
        case "map":
            if not isinstance(value, dict):
                return [f"{path} is {value!r:.60}, no map"]
            return [fault for item in value.values() for fault in _unlike(shape.value, item, f"{path}{{}}")]
    return _unlike_scalar(shape, value, path)


def _unlike_scalar(shape: Any, value: Any, path: str) -> list[str]:
    kind = shape.type_name
    wanted: Any = NUMBERS.get(kind, {"boolean": bool}.get(kind, str))
    if not isinstance(value, wanted) or (kind in NUMBERS and isinstance(value, bool)):
        return [f"{path} is {value!r:.60}, no {kind}"]
    if kind == "string" and shape.enum and value not in shape.enum and shape.name not in OPEN_ENUMS:
        return [f"{path} is {value!r:.60}, none of {', '.join(shape.enum)}"]
    return []
