"""The arrows of docs/architecture.md, held against the imports of every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ecs_emulator

PACKAGE = Path(ecs_emulator.__file__).parent
ORDER = (
    {"clock", "ids", "arns", "config"},
    {"records"},
    {"store"},
    {"wire"},
    {"rules"},
    {"registry"},
    {"ecs", "ecr", "logs"},
    {"control"},
    {"agent"},
    {"http"},
    {"app"},
    {"cli"},
    {"__main__", "pytest_plugin"},
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
PURE = {"ecs", "ecr", "logs", "rules", "control"}
FORBIDDEN = {"docker", "flask", "requests", "threading", "subprocess", "socket", "werkzeug", "time"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            whole = node.module == "ecs_emulator"
            yield from (f"ecs_emulator.{alias.name}" for alias in node.names) if whole else (node.module,)


def _room(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    room = _room(path)
    if room == "__init__":
        return
    assert room in RANK, f"{room} has no place in the order of imports"
    for imported in _imports(path):
        package, _, rest = imported.partition(".")
        target = rest.partition(".")[0]
        if package == "ecs_emulator" and target in RANK and target != room:
            assert RANK[target] < RANK[room], f"{room} imports {target}: the arrow runs backwards"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_decides_knows_no_engine_no_web_and_no_time(path: Path) -> None:
    if _room(path) in PURE:
        assert FORBIDDEN.isdisjoint(name.partition(".")[0] for name in _imports(path))


def test_every_module_opens_with_a_sentence() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent
