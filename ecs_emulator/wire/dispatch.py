"""An operation's name is its address: `CreateCluster` is answered by the one `create_cluster` of its package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ecs_emulator.wire import check, encoding, paging, parse, render, tokens
from ecs_emulator.wire.call import Call, Context, Document, Params
from ecs_emulator.wire.check import LastLook
from ecs_emulator.wire.errors import AwsError, NotBuilt, UnknownOperationException
from ecs_emulator.wire.models import ServiceModel

Function = Callable[[Call, Params], Document]

_READING = ("Describe", "List", "Get", "Filter", "BatchCheck", "BatchGet")
"""Operations with these names run in a snapshot: they never wait for a writer, and cannot write."""


class TwoHomes(Exception):
    """Two modules of one package define the same operation: a bug, found at the first request and by the tests."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One operation, ready to run. Lives as long as the service."""

    name: str
    parse: parse.Parser
    check: Callable[[Any], list[check.Violation]] | None
    function: Function | None
    check_after: LastLook | None
    render: render.Renderer
    reads: bool


class Service:
    """One AWS service on the wire. Lives as long as the server; imports and compiles only what is asked for."""

    def __init__(
        self,
        name: str,
        model: ServiceModel,
        package: ModuleType,
        wording: check.Wording,
        *,
        reads: Collection[str] = (),
        writes: Collection[str] = (),
    ) -> None:
        """`reads` and `writes` name the operations whose name does not tell which they do."""
        self.name = name
        self.model = model
        self._package = package
        self._wording = wording
        self._reads = frozenset(reads)
        self._writes = frozenset(writes)
        self._functions: dict[str, Function] | None = None
        self._compiled: dict[str, _Compiled] = {}

    def answer(self, operation: str, body: bytes, context: Context) -> tuple[int, bytes]:
        """Status and body for a request. What is no refusal but a bug is raised, with the transaction rolled back."""
        try:
            return 200, encoding.encode(self._run(operation, body, context))
        except AwsError as error:
            refusal = error
        except tokens.BadToken:
            refusal = self._wording.bad_token()
        except paging.BadPageSize as error:
            refusal = self._wording.bad_page_size(error.member, error.maximum)
        return refusal.status, encoding.encode(refusal.to_document())

    def functions(self) -> dict[str, Function]:
        """The operations that are built, by their names in the model. TwoHomes where one has two."""
        if self._functions is None:
            self._functions = _discover(self.model, self._package)
        return self._functions

    def _run(self, operation: str, body: bytes, context: Context) -> Document:
        compiled = self._compiled.get(operation) or self._compile(operation)
        if compiled.function is None:
            raise NotBuilt(self.name, operation)
        params = compiled.parse(parse.decode(body))
        if compiled.check is not None and (violations := compiled.check(params)):
            raise self._wording.refusal(violations)
        store = context.store
        with store.snapshot() if compiled.reads else store.transaction() as tx:
            document = compiled.function(Call.of(context, operation, tx), params)
            if compiled.check_after is not None:
                compiled.check_after(params, body)
            rendered: Document = compiled.render(document)
        return rendered

    def _compile(self, operation: str) -> _Compiled:
        described = self.model.operations.get(operation)
        if described is None:
            raise UnknownOperationException
        compiled = _Compiled(
            name=operation,
            parse=parse.compile_input(self.model, described.input, self._wording.JAVA_PACKAGE),
            check=check.compile_input(self.model, operation, self._wording.heeds),
            function=self.functions().get(operation),
            check_after=self._wording.afterwards(self.model, operation),
            render=render.compile_output(self.model, described.output),
            reads=self._is_read(operation),
        )
        return self._compiled.setdefault(operation, compiled)

    def _is_read(self, operation: str) -> bool:
        if operation in self._writes:
            return False
        return operation in self._reads or operation.startswith(_READING)


def _discover(model: ServiceModel, package: ModuleType) -> dict[str, Function]:
    names = {operation.python_name: operation.name for operation in model.operations.values()}
    homes: dict[str, str] = {}
    functions: dict[str, Function] = {}
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for python_name, value in vars(module).items():
            operation = names.get(python_name)
            if operation is None or getattr(value, "__module__", None) != module.__name__:
                continue  # not a name of the model, or at home elsewhere
            if operation in homes:
                raise TwoHomes(f"{operation} is defined in {homes[operation]} and in {module.__name__}")
            homes[operation] = module.__name__
            functions[operation] = value
    return functions
