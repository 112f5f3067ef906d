"""References, when something is pulled, and the words of a pull that failed: on an engine that only knows images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ecs_emulator.agent.docker.engine import Engine, Refused
from ecs_emulator.agent.docker.images import CannotPull, Images, OwnRegistry, parse, pull_reason
from ecs_emulator.arns import World
from ecs_emulator.clock import ManualClock
from ecs_emulator.config import Pull

HERE = World("123456789012", "us-east-1")
DIGEST = "sha256:" + "d1" * 32
NEWER = "sha256:" + "d2" * 32
ECR = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "host", "path", "version", "again"),
    [
        ("web", "", "web", "latest", "web:latest"),
        ("web:1", "", "web", "1", "web:1"),
        ("docker.io/library/web:1", "", "web", "1", "web:1"),
        ("team/web", "", "team/web", "latest", "team/web:latest"),
        ("localhost/web", "localhost", "web", "latest", "localhost/web:latest"),
        ("localhost:4566/team/web:v2", "localhost:4566", "team/web", "v2", "localhost:4566/team/web:v2"),
        (f"ghcr.io/a/b@{DIGEST}", "ghcr.io", "a/b", DIGEST, f"ghcr.io/a/b@{DIGEST}"),
        (f"ghcr.io/a/b:1@{DIGEST}", "ghcr.io", "a/b", DIGEST, f"ghcr.io/a/b@{DIGEST}"),
    ],
)
def test_a_reference_is_read_as_the_engine_reads_it(text: str, host: str, path: str, version: str, again: str) -> None:
    found = parse(text)
    assert (found.host, found.path, found.version, str(found)) == (host, path, version, again)


@dataclass
class Shelf:
    """An engine that only knows images: what it has by reference, and what pulling would bring."""

    has: dict[str, str] = field(default_factory=dict)
    remote: dict[str, str] = field(default_factory=dict)
    pulls: list[tuple[str, dict[str, str] | None]] = field(default_factory=list)
    digest: str = DIGEST

    def image(self, reference: str) -> dict[str, Any] | None:
        image_id = self.has.get(reference)
        if image_id is None:
            return None
        repository = parse(reference).repository
        return {
            "Id": image_id,
            "RepoDigests": [f"other@{NEWER}", f"{repository}@{self.digest}"],
            "Config": {"Env": ["AWS_REGION=x"]},
        }

    def remove_image(self, reference: str) -> None:
        del self.has[reference]

    def pull(self, repository: str, tag: str, credentials: dict[str, str] | None) -> None:
        reference = f"{repository}@{tag}" if tag.startswith("sha256:") else f"{repository}:{tag}"
        self.pulls.append((reference, credentials))
        if reference not in self.remote:
            raise Refused(404, f"manifest for {reference} not found: manifest unknown: manifest unknown")
        self.has[reference] = self.remote[reference]


def images(shelf: Shelf, behaviour: Pull = Pull.PREFER_CACHED, *, tags: dict[str, str] | None = None) -> Images:
    def digest(world: World, repository: str, tag: str) -> str | None:
        return (tags or {}).get(f"{world.account}/{world.region}/{repository}:{tag}")

    def credentials(world: World) -> dict[str, str]:
        return {"username": "AWS", "password": f"{world.account}/{world.region}"}

    own = OwnRegistry("localhost:4566", frozenset({"127.0.0.1:4566"}), credentials, digest)
    return Images(cast(Engine, shelf), ManualClock(), behaviour, own)


def test_an_image_that_only_the_engine_has_is_used_as_it_is() -> None:
    shelf = Shelf(has={"web:1": "sha256:a"})
    found = images(shelf).resolve("web:1", HERE)
    assert (found.id, found.digest, found.began_at, shelf.pulls) == ("sha256:a", DIGEST, None, [])


def test_a_merely_built_image_has_no_digest() -> None:
    shelf = Shelf(has={"web:1": "sha256:a"})
    shelf.image = lambda reference: {"Id": "sha256:a", "RepoDigests": None}  # type: ignore[method-assign]
    assert images(shelf).resolve("web:1", HERE).digest is None


@pytest.mark.parametrize(
    ("behaviour", "cached", "remote", "pulls", "id"),
    [
        (Pull.PREFER_CACHED, True, True, 0, "old"),
        (Pull.PREFER_CACHED, False, True, 1, "new"),
        (Pull.ALWAYS, True, True, 2, "new"),
        (Pull.ALWAYS, True, False, 1, None),
        (Pull.DEFAULT, True, True, 2, "new"),
        (Pull.DEFAULT, True, False, 2, "old"),
        (Pull.DEFAULT, False, False, 1, None),
        (Pull.ONCE, True, True, 1, "new"),
        (Pull.ONCE, True, False, 1, None),
    ],
)
def test_what_is_pulled_by_two_tasks(behaviour: Pull, cached: bool, remote: bool, pulls: int, id: str | None) -> None:
    shelf = Shelf({"web:1": "old"} if cached else {}, {"web:1": "new"} if remote else {})
    made = images(shelf, behaviour)
    if id is None:
        with pytest.raises(CannotPull):
            made.resolve("web:1", HERE)
    else:
        assert [made.resolve("web:1", HERE).id for _ in range(2)] == [id, id]
    assert len(shelf.pulls) == pulls


def test_a_name_of_ecr_is_pulled_from_the_emulators_registry_as_that_account() -> None:
    shelf = Shelf(remote={"localhost:4566/team/web:1": "sha256:a"})
    found = images(shelf).resolve(f"{ECR}/team/web:1", HERE)
    assert found.id == "sha256:a"
    assert shelf.pulls == [("localhost:4566/team/web:1", {"username": "AWS", "password": "210987654321/eu-west-1"})]


def test_the_emulators_own_names_are_pulled_as_the_task() -> None:
    shelf = Shelf(remote={"localhost:4566/web:1": "sha256:a"})
    images(shelf).resolve("127.0.0.1:4566/web:1", HERE)
    assert shelf.pulls == [("localhost:4566/web:1", {"username": "AWS", "password": "123456789012/us-east-1"})]


def test_a_strange_registry_gets_the_users_own_login() -> None:
    shelf = Shelf(remote={"ghcr.io/a/b:1": "sha256:a"})
    images(shelf).resolve("ghcr.io/a/b:1", HERE)
    assert shelf.pulls == [("ghcr.io/a/b:1", None)]


def test_the_engines_memory_of_a_tag_does_not_hide_what_the_registry_has() -> None:
    """Another account's `web:1`, or yesterday's, may be on the engine under the same name."""
    shelf = Shelf(has={"localhost:4566/web:1": "stale"}, remote={f"localhost:4566/web@{NEWER}": "fresh"})
    made = images(shelf, tags={"123456789012/us-east-1/web:1": NEWER})
    found = made.resolve("localhost:4566/web:1", HERE)
    assert (found.id, found.digest) == ("fresh", NEWER)
    assert made.resolve("localhost:4566/web:1", HERE).id == "fresh"
    assert len(shelf.pulls) == 1


def test_what_the_registry_does_not_know_may_still_be_on_the_engine() -> None:
    shelf = Shelf(has={f"{ECR}/web:1": "built-here"})
    assert images(shelf).resolve(f"{ECR}/web:1", HERE).id == "built-here"


def test_an_error_speaks_of_the_image_that_the_user_wrote() -> None:
    with pytest.raises(CannotPull) as error:
        images(Shelf()).resolve(f"{ECR}/web:9", HERE)
    expected = f"Error response from daemon: manifest for {ECR}/web:9 not found: manifest unknown: manifest unknown"
    assert str(error.value) == expected


def test_the_environment_of_an_image_is_asked_once() -> None:
    shelf = Shelf(has={"web:1": "sha256:a", "sha256:a": "sha256:a"})
    made = images(shelf)
    assert made.environment("sha256:a") == {"AWS_REGION"}
    shelf.has.clear()
    assert made.environment("sha256:a") == {"AWS_REGION"}
    assert made.environment("sha256:b") == frozenset()


def test_at_the_end_only_what_came_from_the_own_registry_is_removed() -> None:
    remote = {"localhost:4566/web:1": "sha256:a", "ghcr.io/a/b:1": "sha256:b"}
    shelf = Shelf(has={"built:1": "sha256:c"}, remote=remote)
    made = images(shelf)
    for reference in ("localhost:4566/web:1", "ghcr.io/a/b:1", "built:1"):
        made.resolve(reference, HERE)
    made.forget()
    assert shelf.has.keys() == {"ghcr.io/a/b:1", "built:1"}


DAEMON = "Error response from daemon: "


@pytest.mark.parametrize(
    ("text", "launch_type", "reason"),
    [
        (
            f"{DAEMON}manifest for web:9 not found: manifest unknown: manifest unknown",
            "EC2",
            f"CannotPullContainerError: {DAEMON}manifest for web:9 not found: manifest unknown: manifest unknown",
        ),
        (
            f"{DAEMON}manifest for web:9 not found: manifest unknown: manifest unknown",
            "FARGATE",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
            "docker.io/library/web:9: docker.io/library/web:9: not found",
        ),
        (
            f"{DAEMON}pull access denied for web, repository does not exist or may require 'docker login': denied: "
            "requested access to the resource is denied",
            "EC2",
            "CannotPullContainerError: The task can’t pull the image. Check whether the image exists. "
            f"{DAEMON}pull access denied for web, repository does not exist or may require 'docker login': denied: "
            "requested access to the resource is denied",
        ),
        (
            f"{DAEMON}Head x: denied: User: me is not authorized to perform: ecr:BatchGetImage on resource: r",
            "FARGATE",
            "CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull "
            f"images from the registry. {DAEMON}Head x: denied: User: me is not authorized to perform: "
            "ecr:BatchGetImage on resource: r",
        ),
        (
            f"{DAEMON}Get x: net/http: request canceled while waiting for connection",
            "EXTERNAL",
            "CannotPullContainerError: The task can’t pull the image. Check your network configuration. "
            f"{DAEMON}Get x: net/http: request canceled while waiting for connection",
        ),
    ],
)
def test_a_failed_pull_is_worded_as_the_platform_words_it(text: str, launch_type: str, reason: str) -> None:
    assert pull_reason(text, "web:9", launch_type) == reason
