"""What stands around the package: the set-up scripts, the pinned versions, the words about both."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

from tests.environment import LOCAL, ROOT, TOOLS, calm
from tests.images import build_context

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_the_pinned_versions_are_names_and_numbers_only() -> None:
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in CONSTRAINTS)


def test_every_dependency_is_pinned_and_has_its_reason() -> None:
    pinned = {name_of(line) for line in CONSTRAINTS}
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    for requirement in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        assert name_of(requirement) in pinned
        assert name_of(requirement) in reasons


def test_without_an_engine_at_docker_host_the_set_up_says_so_in_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    done = subprocess.run([ROOT / ".ci" / "engine"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("No Docker engine answers at DOCKER_HOST=unix://")
    assert done.stderr.count("\n") == 1


def test_a_calm_environment_sends_no_client_elsewhere() -> None:
    shell = {
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL": "https://elsewhere.example",
        "ECS_EMULATOR_PORT": "1",
        "ECS_EMULATOR_TEST_ENGINE": "required",
        "HTTP_PROXY": "http://proxy.example",
        "NO_PROXY": "intranet.example",
        "PATH": "/bin",
    }
    calmed = calm(shell)
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "ECS_EMULATOR_PORT"} & calmed.keys()
    assert calmed["ECS_EMULATOR_TEST_ENGINE"] == "required"
    assert calmed["NO_PROXY"] == ",".join(("intranet.example", *LOCAL))
    assert calmed["PATH"] == f"{TOOLS}{os.pathsep}/bin"


def test_an_image_is_readable_for_everybody_under_a_private_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        context = build_context("web", tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in context.rglob("*")}
    assert modes["busybox"] == modes["web"] == modes["bin"] == 0o755
    assert modes["Dockerfile"] == 0o644
