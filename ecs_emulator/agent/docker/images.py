"""A reference becomes one image on the engine, known by its id: a tag that moves later hits nobody.

What lives only here: how a reference is read, which of them mean the emulator's own registry, when something is pulled,
and the words of a pull that failed. Source: `ECS_IMAGE_PULL_BEHAVIOR` and the pull errors of amazon-ecs-agent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecs_emulator.agent.docker.engine import Engine, Refused, TimedOut
from ecs_emulator.arns import World
from ecs_emulator.clock import Clock, Instant
from ecs_emulator.config import Pull

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference in its parts. `tag` or `digest`, never both: a digest makes the tag a decoration."""

    host: str
    """The registry; empty for Docker Hub."""
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        return f"{self.host}/{self.path}" if self.host else self.path

    @property
    def version(self) -> str:
        """What the engine's pull takes as its tag: without one it would pull them all."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.version}"


def parse(text: str) -> Reference:
    """The parts of an image reference as the engine reads it, in its familiar form: Docker Hub is no host."""
    name, _, digest = text.partition("@")
    head, slash, rest = name.partition("/")
    host, path = (head, rest) if slash and ("." in head or ":" in head or head == "localhost") else ("", name)
    path, _, tag = path.partition(":")
    if host in ("docker.io", "index.docker.io"):
        host = ""
    if not host:
        path = path.removeprefix("library/")
    return Reference(host, path, None if digest else tag or None, digest or None)


@dataclass(frozen=True, slots=True)
class OwnRegistry:
    """The emulator's own registry as the engine reaches it. Lives as long as the server."""

    address: str
    """`localhost:4566`: the engine speaks plain HTTP to no other name."""
    names: frozenset[str]
    """Every host that means it in a reference: `127.0.0.1:4566`, the one of `--registry-host`."""
    credentials: Callable[[World], dict[str, str]]
    """The emulator's own login, as `X-Registry-Auth` says it."""
    digest: Callable[[World, str, str], str | None]
    """(world, repository, tag) -> what the registry has under that tag now."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image that is on the engine. The two instants are None where nothing was pulled."""

    id: str
    digest: str | None
    began_at: Instant | None = None
    ended_at: Instant | None = None


class CannotPull(Exception):
    """The image is not to be had; the text is the ECS agent's, without the error's name."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked for and pulled in place of the reference that the user wrote."""

    reference: Reference
    written: str
    world: World | None
    """Whose registry, where it is the emulator's own registry."""
    alternative: str | None = None
    """What else the engine may have it as."""


class Images:
    """The agent's way to an image. Lives as long as the server; safe from any thread."""

    def __init__(self, engine: Engine, clock: Clock, behaviour: Pull, own: OwnRegistry | None) -> None:
        self._engine = engine
        self._clock = clock
        self._behaviour = behaviour
        self._own = own
        self._pulled: set[str] = set()
        self._environments: dict[str, frozenset[str]] = {}

    def resolve(self, text: str, world: World) -> Resolved:
        """The image of this reference, for a task of this world, pulled where the behaviour says so.

        Raises CannotPull.
        """
        wanted = self._wanted(text, world)
        match self._behaviour:
            case Pull.PREFER_CACHED:
                return self._cached(wanted) or self._fetched(wanted)
            case Pull.ONCE if str(wanted.reference) in self._pulled:
                return self._cached(wanted) or self._fetched(wanted)
            case Pull.DEFAULT:
                try:
                    return self._fetched(wanted)
                except CannotPull:
                    if (cached := self._cached(wanted)) is None:
                        raise
                    return cached
            case _:
                return self._fetched(wanted)

    def is_here(self, image_id: str) -> bool:
        """Whether the engine still has it."""
        return self._engine.image(image_id) is not None

    def environment(self, image_id: str) -> frozenset[str]:
        """The names that the image's own ENV sets; asked once, as an id never means another image."""
        known = self._environments.get(image_id)
        if known is None:
            known = self._environments[image_id] = _environment(self._engine.image(image_id) or {})
        return known

    def forget(self) -> None:
        """Remove what was pulled from the emulator's own registry: nobody finds that again at another port."""
        for reference in self._pulled:
            if self._own is not None and parse(reference).host == self._own.address:
                self._engine.remove_image(reference)

    def _wanted(self, text: str, world: World) -> _Wanted:
        """What the reference means: of our own registry, the very digest that the tag has there now.

        The engine's own memory of `localhost:4566/web:1` may be of another account, or of yesterday.
        """
        reference = parse(text)
        own = self._own
        if own is None:
            return _Wanted(reference, text, None)
        ecr = ECR.fullmatch(reference.host)
        if ecr is None and reference.host != own.address and reference.host not in own.names:
            return _Wanted(reference, text, None)
        if ecr is not None:
            world = World(ecr["account"], ecr["region"])
        here = Reference(own.address, reference.path, reference.tag, reference.digest)
        if here.digest is None and (digest := own.digest(world, here.path, here.version)) is not None:
            return _Wanted(Reference(here.host, here.path, None, digest), text, world)
        return _Wanted(here, text, world, alternative=str(reference))

    def _cached(self, wanted: _Wanted) -> Resolved | None:
        found = self._engine.image(str(wanted.reference))
        if found is None and wanted.alternative is not None:
            found = self._engine.image(wanted.alternative)
        return None if found is None else self._known(found, wanted.reference)

    def _fetched(self, wanted: _Wanted) -> Resolved:
        reference = wanted.reference
        began_at = self._clock.now()
        try:
            self._engine.pull(reference.repository, reference.version, self._credentials(wanted))
        except Refused as refused:
            raise CannotPull(_in_the_users_words(str(refused), wanted)) from refused
        except TimedOut as timed_out:
            raise CannotPull(f"Could not transition to pulled; {timed_out}") from timed_out
        found = self._engine.image(str(reference))
        if found is None:
            raise CannotPull(f"failed to find a repo digest matching '{wanted.written}'")
        self._pulled.add(str(reference))
        return self._known(found, reference, began_at, self._clock.now())

    def _known(self, image: dict[str, Any], reference: Reference, *pulled: Instant) -> Resolved:
        self._environments[str(image["Id"])] = _environment(image)
        return Resolved(str(image["Id"]), _digest(image.get("RepoDigests") or [], reference), *pulled)

    def _credentials(self, wanted: _Wanted) -> dict[str, str] | None:
        if wanted.world is None or self._own is None:
            return None
        return self._own.credentials(wanted.world)


def _environment(image: dict[str, Any]) -> frozenset[str]:
    return frozenset(each.partition("=")[0] for each in (image.get("Config") or {}).get("Env") or ())


def _digest(repo_digests: list[str], reference: Reference) -> str | None:
    """The manifest's digest under the name that was asked for, else under any; a merely built image has none."""
    if reference.digest is not None:
        return reference.digest
    named = {each.partition("@")[0]: each.partition("@")[2] for each in repo_digests}
    return named.get(reference.repository) or next(iter(named.values()), None)


def _in_the_users_words(text: str, wanted: _Wanted) -> str:
    """The engine speaks of the name that it was given; the user wrote another."""
    written = parse(wanted.written)
    text = text.replace(str(wanted.reference), str(written))
    return text.replace(wanted.reference.repository, written.repository)


# --- the words of a failed pull ---------------------------------------------------------------------------------------

HINTS = (
    (
        re.compile(r"denied: User: (.+) is not authorized to perform: ecr:BatchGetImage on resource"),
        "Check that the role has the permissions to pull images from the registry.",
    ),
    (re.compile(r"denied: requested access to the resource is denied"), "Check whether the image exists."),
    (re.compile(r"request canceled while waiting for connection"), "Check your network configuration."),
)
NOT_FOUND = re.compile(r"manifest for \S+ not found|name unknown|repository \S+ not found")


def pull_reason(text: str, image: str, launch_type: str) -> str:
    """`CannotPullContainerError: …` as the platform words it: containerd on Fargate, the ECS agent elsewhere.

    Source: pull errors of amazon-ecs-agent; stopped task error messages in the ECS developer guide.
    """
    if launch_type == "FARGATE" and NOT_FOUND.search(text):
        reference = parse(image)
        path = reference.path if "/" in reference.path else f"library/{reference.path}"
        full = str(reference) if reference.host else f"docker.io/{path}{str(reference).removeprefix(reference.path)}"
        return (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
            f"failed to resolve ref {full}: {full}: not found"
        )
    hint = next((hint for pattern, hint in HINTS if pattern.search(text)), None)
    advice = "" if hint is None else f"The task can’t pull the image. {hint} "
    return f"CannotPullContainerError: {advice}{text}"
