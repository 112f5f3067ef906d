"""docker and skopeo against the registry, as their users call them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_emulator.records.ecr import TagMutability
from tests.http.registry import Registry
from tests.images import static_busybox

PATIENCE_SECONDS = 120
needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


class Docker:
    """The docker CLI with a configuration of the test's own; removes the images it named."""

    def __init__(self, config: Path, registry: Registry) -> None:
        self._environment = {**os.environ, "DOCKER_CONFIG": str(config), "DOCKER_BUILDKIT": "0"}
        self._registry = registry
        self.repository = f"team/{uuid.uuid4().hex[:12]}"

    def name(self, tag: str) -> str:
        return f"{self._registry.address}/{self.repository}:{tag}"

    def __call__(self, *words: str, given: str | None = None) -> str:
        done = self.run(*words, given=given)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout

    def run(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *words],
            input=given,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def login(self) -> None:
        password = self._registry.token or ""
        said = self("login", "--username", "AWS", "--password-stdin", self._registry.address, given=password)
        assert "Login Succeeded" in said

    def build(self, tag: str, directory: Path, content: bytes) -> str:
        """An image from nothing but a static busybox and some content."""
        directory.mkdir()
        shutil.copyfile(static_busybox(), directory / "busybox")
        (directory / "busybox").chmod(0o755)
        (directory / "content").write_bytes(content)
        (directory / "Dockerfile").write_text(
            'FROM scratch\nCOPY busybox /bin/busybox\nCOPY content /content\nCMD ["/bin/busybox", "sha256sum", "/content"]\n'
        )
        self("build", "--quiet", "--tag", self.name(tag), str(directory))
        return self.name(tag)

    def forget(self, *images: str) -> None:
        self("image", "rm", "--force", *images)

    def forget_all(self) -> None:
        """Every image of this registry's repositories, also those that only their digest still names."""
        ours = f"reference={self._registry.address}/{self.repository}*"
        if ids := set(self("image", "ls", "--quiet", "--filter", ours).split()):
            self.forget(*ids)


@pytest.fixture
def docker(registry: Registry, tmp_path: Path) -> Iterator[Docker]:
    made = Docker(tmp_path / "docker", registry)
    registry.create(made.repository)
    yield made
    made.forget_all()


@pytest.mark.engine
def test_docker_logs_in_pushes_and_pulls(docker: Docker, registry: Registry, tmp_path: Path) -> None:
    docker.login()
    content = os.urandom(3_000_000)
    image = docker.build("v1", tmp_path / "v1", content)
    pushed = docker("push", image)
    digest = pushed.rpartition("digest: ")[2].split()[0]
    assert registry.ask("HEAD", f"/v2/{docker.repository}/manifests/v1").headers["Docker-Content-Digest"] == digest
    again = docker("push", image)
    assert again.count("Layer already exists") == 2

    docker.forget(image)
    docker("pull", image)
    assert docker("run", "--rm", "--network", "none", image).split()[0] == hashlib.sha256(content).hexdigest()
    by_digest = f"{image.rpartition(':')[0]}@{digest}"
    docker.forget(image)
    docker("pull", by_digest)
    assert json.loads(docker("image", "inspect", by_digest))[0]["RepoDigests"] == [by_digest]


@pytest.mark.engine
def test_docker_mounts_layers_of_a_repository_that_has_them(docker: Docker, registry: Registry, tmp_path: Path) -> None:
    docker.login()
    image = docker.build("v1", tmp_path / "v1", b"content")
    docker("push", image)
    registry.create(f"{docker.repository}-copy")
    copy = f"{registry.address}/{docker.repository}-copy:v1"
    docker("tag", image, copy)
    said = docker("push", copy)
    assert said.count("Mounted from") == 2


@pytest.mark.engine
def test_docker_says_what_ecr_says(docker: Docker, registry: Registry, tmp_path: Path) -> None:
    image = docker.build("v1", tmp_path / "v1", b"one")
    assert "no basic auth credentials" in docker.run("push", image).stderr
    docker.login()
    docker("push", image)

    missing = f"{registry.address}/{docker.repository}-missing:v1"
    docker("tag", image, missing)
    assert (
        f"name unknown: The repository with name '{docker.repository}-missing' does not exist in the registry with id "
        "'123456789012'" in docker.run("push", missing).stderr
    )
    unknown = docker.run("pull", docker.name("nope")).stderr
    assert f"manifest for {docker.name('nope')} not found: manifest unknown: Requested image not found" in unknown

    registry.create(docker.repository, TagMutability.IMMUTABLE)
    docker.build("v1", tmp_path / "other", b"two")
    assert (
        f"tag invalid: The image tag 'v1' already exists in the '{docker.repository}' repository and cannot be "
        "overwritten because the tag is immutable." in docker.run("push", image).stderr
    )

    registry.clock.advance(43_200)
    expired = docker.run("push", docker.name("v1")).stderr
    assert "denied: Your authorization token has expired. Reauthenticate and try again." in expired


def skopeo(*words: str) -> str:
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_skopeo
def test_skopeo_copies_between_repositories_and_to_a_directory(registry: Registry, tmp_path: Path) -> None:
    digest = registry.push_image("other", "v1", os.urandom(1_000_000))
    login = f"AWS:{registry.token}"
    source, target = (f"docker://{registry.address}/{name}" for name in ("other:v1", "team/app:v2"))
    skopeo(
        "copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", login,
        "--dest-creds", login, source, target,
    )  # fmt: skip
    inspected = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", "--creds", login, target))
    assert len(inspected["layers"]) == 1
    copied = registry.ask("HEAD", "/v2/team/app/manifests/v2").headers["Docker-Content-Digest"]
    assert copied == digest
    skopeo("copy", "--src-tls-verify=false", "--src-creds", login, target, f"dir:{tmp_path / 'image'}")
    tags = json.loads(skopeo("list-tags", "--tls-verify=false", "--creds", login, target.rpartition(":")[0]))
    assert tags["Tags"] == ["v2"]
    skopeo("delete", "--tls-verify=false", "--creds", login, target)
    assert registry.ask("GET", "/v2/team/app/manifests/v2").status == 404
