"""What the model demands of a value beyond its JSON type, collected as facts; the words for them are the service's.

A constraint that the service does not heed is not compiled, so an operation without any costs nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from ecs_emulator.wire import patterns
from ecs_emulator.wire.errors import AwsError
from ecs_emulator.wire.models import ServiceModel, Shape, tied


class Kind(StrEnum):
    """The ways to break a model, in the order in which they are reported."""

    REQUIRED = "required"
    UNION = "union"
    ENUM = "enum"
    PATTERN = "pattern"
    MAX_LENGTH = "max length"
    MIN_LENGTH = "min length"
    MAX_VALUE = "max value"
    MIN_VALUE = "min value"
    ELEMENTS = "elements"
    KEYS = "keys"
    VALUES = "values"


@dataclass(frozen=True, slots=True)
class Constraint:
    """One demand of the model, and where it is made."""

    operation: str
    owner: str
    """The structure whose member it is about: `RepositoryName` is a shape, `CreateRepositoryRequest` an owner."""
    member: str
    shape: str
    type: str
    kind: Kind
    bound: Any = None
    """A number, a pattern's text, an enum's values; for ELEMENTS, KEYS and VALUES the constraints on each of them."""

    @property
    def sentence(self) -> str:
        """The phrase that AWS's framework has for it: `Member must have length less than or equal to 256`."""
        match self.kind:
            case Kind.REQUIRED:
                return "Member must not be null"
            case Kind.UNION:
                return "Member must have exactly one member set"
            case Kind.ENUM:
                return f"Member must satisfy enum value set: [{', '.join(self.bound)}]"
            case Kind.PATTERN:
                return f"Member must satisfy regular expression pattern: {self.bound}"
            case Kind.MAX_LENGTH:
                return f"Member must have length less than or equal to {self.bound}"
            case Kind.MIN_LENGTH:
                return f"Member must have length greater than or equal to {self.bound}"
            case Kind.MAX_VALUE:
                return f"Member must have value less than or equal to {self.bound}"
            case Kind.MIN_VALUE:
                return f"Member must have value greater than or equal to {self.bound}"
        return f"{_WHOSE[self.kind]} must satisfy constraint: [{', '.join(inner.sentence for inner in self.bound)}]"


_WHOSE = {Kind.ELEMENTS: "Member", Kind.KEYS: "Map keys", Kind.VALUES: "Map value"}


@dataclass(frozen=True, slots=True)
class Violation:
    """A constraint that a request broke: by which value, and where in the request (`tags.1.member.key`)."""

    constraint: Constraint
    path: str
    value: Any


class Wording(Protocol):
    """How one service refuses; a module with these functions is one. See `constraints.py` of each service."""

    JAVA_PACKAGE: str
    """Where AWS's front end for the service keeps its classes; some of its texts name them."""

    def heeds(self, constraint: Constraint) -> bool:
        """Whether the service refuses a breach of it here; if not, it is not looked at."""
        ...

    def refusal(self, violations: Sequence[Violation]) -> AwsError:
        """The one error for all that a request broke; never called with none."""
        ...

    def bad_token(self) -> AwsError:
        """The error for a page token that is broken, foreign, or for another question."""
        ...

    def bad_page_size(self, member: str, maximum: int) -> AwsError:
        """The error for a page size outside 1 to `maximum`, where the model does not bound it."""
        ...

    def afterwards(self, model: ServiceModel, operation: str) -> LastLook | None:
        """What looks once more at a request in which the operation found nothing wrong; its refusal undoes the operation."""
        ...


LastLook = Callable[[Any, bytes], None]
"""Raise an AwsError for these parameters, which came in this body."""
Check = Callable[[Any, str, list[Violation]], None]
"""Look at a value at a path, and add what is wrong with it to the list."""
Heeds = Callable[[Constraint], bool]
"""`Wording.heeds`."""
Bounds = Mapping[str, tuple[float | None, float | None]]
"""The least and the largest value or length of a member, by `owner.member`, in place of the model's."""

NO_BOUNDS: Bounds = MappingProxyType({})


def compile_input(
    model: ServiceModel, operation: str, heeds: Heeds, bounds: Bounds = NO_BOUNDS
) -> Callable[[Any], list[Violation]] | None:
    """The check of one operation's parameters, or None where there is nothing to check."""
    input_name = model.operations[operation].input
    compiler = _Compiler(model, operation, heeds, bounds)
    check = None if input_name is None else compiler.structure(model.shapes[input_name])
    if check is None:
        return None
    return functools.partial(_violations, check)


def _violations(check: Check, params: Any) -> list[Violation]:
    found: list[Violation] = []
    check(params, "", found)
    return found


class _Compiler:
    """Makes the closures of one operation's check. Lives while it does so."""

    def __init__(self, model: ServiceModel, operation: str, heeds: Heeds, bounds: Bounds) -> None:
        self._shapes = model.shapes
        self._operation = operation
        self._heeds = heeds
        self._bounds = bounds
        self._made: dict[str, Check] = {}

    def structure(self, shape: Shape) -> Check | None:
        check = tied(self._made, shape.name, lambda: self._structure(shape))
        return None if check is _nothing else check

    def _structure(self, shape: Shape) -> Check:
        if shape.document:
            return _nothing
        members = {member: self._shapes[target] for member, target in shape.members.items()}
        asked = [self._constraint(shape.name, member, members[member], Kind.REQUIRED) for member in shape.required]
        required = [constraint for constraint in asked if self._heeds(constraint)]
        checks = [
            (member, check)
            for member, target in members.items()
            if (check := self._member(shape.name, member, target)) is not None
        ]
        return _structure(required, checks) if required or checks else _nothing

    def _member(self, owner: str, member: str, shape: Shape) -> Check | None:
        """The check of a value of this shape, as the owner's member or somewhere inside it."""
        own = [self._test(constraint) for constraint in self._own(owner, member, shape)]
        checks = [check for check in own if check is not None]
        if shape.type == "structure" and (inside := self.structure(shape)) is not None:
            checks.append(inside)
        if shape.type == "list":
            checks.extend(self._elements(owner, member, self._shapes[shape.element]))
        if shape.type == "map":
            checks.extend(self._entries(owner, member, shape))
        return _all(checks)

    def _elements(self, owner: str, member: str, element: Shape) -> Iterator[Check]:
        if element.type in _COLLECTIONS:
            check = self._member(owner, member, element)
            if check is not None:
                yield _each(check)
            return
        constraints = self._own(owner, member, element)
        if constraints:
            whole = self._constraint(owner, member, element, Kind.ELEMENTS, _bracketed(constraints))
            yield _inner(whole, list(filter(None, map(_broken, constraints))), list)

    def _entries(self, owner: str, member: str, shape: Shape) -> Iterator[Check]:
        key, value = self._shapes[shape.key], self._shapes[shape.element]
        if constraints := self._own(owner, member, key):
            whole = self._constraint(owner, member, key, Kind.KEYS, _bracketed(constraints))
            yield _inner(whole, list(filter(None, map(_broken, constraints))), list)
        if value.type in _COLLECTIONS:
            check = self._member(owner, member, value)
            if check is not None:
                yield _each_value(check)
        elif constraints := self._own(owner, member, value):
            whole = self._constraint(owner, member, value, Kind.VALUES, _bracketed(constraints))
            yield _inner(whole, list(filter(None, map(_broken, constraints))), dict.values)

    def _own(self, owner: str, member: str, shape: Shape) -> list[Constraint]:
        """The heeded constraints of the shape itself, in the order of their kinds."""
        sized = shape.type not in _NUMBERS
        least, most = self._bounds.get(f"{owner}.{member}", (shape.minimum, shape.maximum))
        lowest = None if sized and least == 0 else least  # every length is at least 0
        bounds = [
            (Kind.UNION, shape.union or None),
            (Kind.ENUM, shape.enum or None),
            (Kind.PATTERN, shape.pattern),
            (Kind.MAX_LENGTH if sized else Kind.MAX_VALUE, most),
            (Kind.MIN_LENGTH if sized else Kind.MIN_VALUE, lowest),
        ]
        every = [self._constraint(owner, member, shape, kind, bound) for kind, bound in bounds if bound is not None]
        return [constraint for constraint in every if self._heeds(constraint)]

    def _test(self, constraint: Constraint) -> Check | None:
        broken = _broken(constraint)
        return None if broken is None else _value(constraint, broken)

    def _constraint(self, owner: str, member: str, shape: Shape, kind: Kind, bound: Any = None) -> Constraint:
        return Constraint(self._operation, owner, member, shape.name, shape.type, kind, bound)


_COLLECTIONS = frozenset({"structure", "list", "map"})
_NUMBERS = frozenset({"integer", "long", "float", "double"})
_BRACKET_ORDER = [Kind.MAX_LENGTH, Kind.MIN_LENGTH, Kind.MAX_VALUE, Kind.MIN_VALUE, Kind.PATTERN, Kind.ENUM]


def _bracketed(constraints: list[Constraint]) -> tuple[Constraint, ...]:
    """In the order in which AWS lists them inside the brackets."""
    return tuple(sorted(constraints, key=lambda constraint: _BRACKET_ORDER.index(constraint.kind)))


# --- the closures ------------------------------------------------------------------------------------------


def _nothing(value: Any, path: str, found: list[Violation]) -> None:
    """Stands for the check of a structure without constraints; callers leave it out."""


def _structure(required: list[Constraint], checks: list[tuple[str, Check]]) -> Check:
    def check_structure(value: Any, path: str, found: list[Violation]) -> None:
        prefix = f"{path}." if path else ""
        for constraint in required:
            if constraint.member not in value:
                found.append(Violation(constraint, prefix + constraint.member, None))
        for member, check in checks:
            if member in value:
                check(value[member], prefix + member, found)

    return check_structure


def _all(checks: list[Check]) -> Check | None:
    if len(checks) < 2:
        return checks[0] if checks else None

    def check_all(value: Any, path: str, found: list[Violation]) -> None:
        for check in checks:
            check(value, path, found)

    return check_all


def _each(check: Check) -> Check:
    def check_each(value: Any, path: str, found: list[Violation]) -> None:
        for place, item in enumerate(value, 1):
            check(item, f"{path}.{place}.member", found)

    return check_each


def _each_value(check: Check) -> Check:
    def check_each_value(value: Any, path: str, found: list[Violation]) -> None:
        for key, item in value.items():
            check(item, f"{path}.{key}.member", found)

    return check_each_value


def _value(constraint: Constraint, broken: Callable[[Any], bool]) -> Check:
    def check_value(value: Any, path: str, found: list[Violation]) -> None:
        if broken(value):
            found.append(Violation(constraint, path, value))

    return check_value


def _inner(constraint: Constraint, broken: list[Callable[[Any], bool]], inside: Callable[[Any], Any]) -> Check:
    """AWS names the collection, not the element, and lists all that is asked of each element."""

    def check_inner(value: Any, path: str, found: list[Violation]) -> None:
        if any(test(item) for item in inside(value) for test in broken):
            found.append(Violation(constraint, path, value))

    return check_inner


def _broken(constraint: Constraint) -> Callable[[Any], bool] | None:
    """The test that is true where the constraint is broken; None where Python cannot tell."""
    bound = constraint.bound
    match constraint.kind:
        case Kind.UNION:
            return lambda value: len(value) != 1
        case Kind.ENUM:
            known = frozenset(bound)
            return lambda value: value not in known
        case Kind.PATTERN:
            pattern = patterns.compiled(bound)
            return None if pattern is None else _not_matching(pattern.fullmatch)
        case Kind.MAX_LENGTH:
            return lambda value: len(value) > bound
        case Kind.MIN_LENGTH:
            return lambda value: len(value) < bound
        case Kind.MAX_VALUE:
            return lambda value: bool(value > bound)
        case Kind.MIN_VALUE:
            return lambda value: bool(value < bound)
    return None


def _not_matching(fullmatch: Callable[[str], object]) -> Callable[[Any], bool]:
    return lambda value: fullmatch(value) is None
