"""The engine's API, one call a method: whoever asks learns whether it was refused, too slow, or not there at all.

What lives only here: the `docker` package, imported when it is first needed, and one client per thread, as a client's
session is not safe to share under load. What it does not know: tasks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecs_emulator.agent.docker.reach import Reached
from ecs_emulator.agent.names import LABEL_EMULATOR

if TYPE_CHECKING:
    from docker import APIClient

EngineJson = dict[str, Any]

CREATE_SECONDS = 240
START_SECONDS = 180
INSPECT_SECONDS = 30
REMOVE_SECONDS = 300
PULL_IDLE_SECONDS = 300
"""No byte of a pull for so long ends it. The figures are those of the ECS agent."""


class Refused(Exception):
    """The engine answered, with an error. Asking again would not help."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"Error response from daemon: {text}")
        self.status = status
        self.text = text

    @property
    def missing(self) -> bool:
        return self.status == 404

    @property
    def conflict(self) -> bool:
        return self.status == 409


class Unreachable(Exception):
    """Nobody answered: the engine is gone or restarts. Asking again later may help."""


class TimedOut(Exception):
    """The engine took the call and did not answer in time."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"timed out after waiting {seconds // 60}m{seconds % 60}s")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the engine runs on; does not change while it lives."""

    cpus: int
    architecture: str
    """As the kernel names it: `x86_64`, `aarch64`."""


class Engine:
    """The engine that answered at `reached`. Lives as long as the server; safe to use from any thread."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._own = threading.local()
        self._lock = threading.Lock()
        self._clients: list[APIClient] = []
        self._machine: Machine | None = None

    # --- containers ---------------------------------------------------------------------------------------------------

    def create(self, name: str, body: EngineJson) -> str:
        """The new container's id. Refused: `conflict` where the name is taken, `missing` where the image is not."""
        with self._asking(CREATE_SECONDS) as client:
            return str(client.create_container_from_config(body, name)["Id"])  # type: ignore[no-untyped-call]

    def create_once(self, name: str, body: EngineJson) -> str:
        """The id of the container of this name: where the name is taken, by our own container of before."""
        try:
            return self.create(name, body)
        except Refused as refused:
            there = self.inspect(name) if refused.conflict else None
            if there is None or there["Config"]["Labels"].get(LABEL_EMULATOR) != body["Labels"][LABEL_EMULATOR]:
                raise
            return str(there["Id"])

    def start(self, container: str) -> None:
        """A container that runs already is fine."""
        with self._asking(START_SECONDS) as client:
            client.start(container)

    def kill(self, container: str, signal: str = "SIGKILL") -> None:
        """Refused with `conflict` where it does not run."""
        with self._asking(INSPECT_SECONDS) as client:
            client.kill(container, signal)

    def remove(self, container: str) -> None:
        """Running or not, with its anonymous volumes; one that is not there, or is being removed, is fine."""
        with self._asking(REMOVE_SECONDS, fine=(404, 409)) as client:
            client.remove_container(container, v=True, force=True)

    def inspect(self, container: str) -> EngineJson | None:
        """None where there is no such container."""
        with self._asking(INSPECT_SECONDS, fine=(404,)) as client:
            found: EngineJson = client.inspect_container(container)
            return found
        return None

    def containers(self, labels: Mapping[str, str | None]) -> list[EngineJson]:
        """All containers, running or not, with these labels; a value of None is any value."""
        with self._asking(INSPECT_SECONDS) as client:
            return list(client.containers(all=True, filters={"label": _labels(labels)}))

    def events(self, labels: Mapping[str, str | None], actions: tuple[str, ...]) -> Events:
        """What happens from now on to containers with these labels."""
        filters = {"type": "container", "label": _labels(labels), "event": list(actions)}
        with self._asking(None) as client:
            return Events(client.events(filters=filters, decode=True), self._asking)

    # --- images -------------------------------------------------------------------------------------------------------

    def image(self, reference: str) -> EngineJson | None:
        """None where the engine has no such image."""
        with self._asking(INSPECT_SECONDS, fine=(404,)) as client:
            found: EngineJson = client.inspect_image(reference)  # type: ignore[no-untyped-call]
            return found
        return None

    def pull(self, repository: str, tag: str, credentials: Mapping[str, str] | None) -> None:
        """Have `repository:tag`, or `repository@tag` for a digest, here. Credentials of None: the user's own."""
        with self._asking(PULL_IDLE_SECONDS) as client:
            answer = client.post(
                f"{client.base_url}/v{client.api_version}/images/create",
                params={"fromImage": repository, "tag": tag},
                headers=_registry_auth(client, repository, credentials),
                stream=True,
                timeout=PULL_IDLE_SECONDS,
            )
            with answer:
                if answer.status_code >= 400:
                    raise Refused(answer.status_code, _message(answer.content))
                for line in answer.iter_lines():
                    progress = json.loads(line) if line else {}
                    if "error" in progress:
                        raise Refused(500, str(progress["error"]))

    def load(self, archive: bytes) -> None:
        """The images of a `docker save` archive."""
        with self._asking(CREATE_SECONDS) as client:
            for _ in client.load_image(archive) or ():  # type: ignore[no-untyped-call]
                pass

    def remove_image(self, reference: str) -> None:
        """An image that is in use, or not there, is fine."""
        with self._asking(REMOVE_SECONDS, fine=(404, 409)) as client:
            client.remove_image(reference)

    # --- networks and volumes -----------------------------------------------------------------------------------------

    def networks(self, labels: Mapping[str, str | None] | None = None) -> list[EngineJson]:
        with self._asking(INSPECT_SECONDS) as client:
            return list(client.networks(filters={"label": _labels(labels)} if labels else None))

    def create_network(self, name: str, ipam: EngineJson, labels: Mapping[str, str]) -> str:
        """A bridge; its id. Refused: 403 where its range overlaps another's, `conflict` where the name is taken."""
        with self._asking(CREATE_SECONDS) as client:
            made = client.create_network(
                name,
                driver="bridge",
                ipam=ipam,  # type: ignore[arg-type]
                check_duplicate=True,
                labels=dict(labels),
            )
            return str(made["Id"])

    def remove_network(self, network: str) -> None:
        """A network that is not there is fine; refused with 403 while containers are on it."""
        with self._asking(REMOVE_SECONDS, fine=(404,)) as client:
            client.remove_network(network)

    def has_volume(self, name: str) -> bool:
        with self._asking(INSPECT_SECONDS, fine=(404,)) as client:
            client.inspect_volume(name)
            return True
        return False

    def volumes(self, labels: Mapping[str, str | None]) -> list[EngineJson]:
        with self._asking(INSPECT_SECONDS) as client:
            return list(client.volumes(filters={"label": _labels(labels)}).get("Volumes") or ())

    def remove_volume(self, name: str) -> None:
        """A volume that is not there, or is in use, is fine."""
        with self._asking(REMOVE_SECONDS, fine=(404, 409)) as client:
            client.remove_volume(name)

    # --- the engine itself --------------------------------------------------------------------------------------------

    def machine(self) -> Machine:
        """Asked once."""
        if self._machine is None:
            with self._asking(INSPECT_SECONDS) as client:
                said = client.info()
                self._machine = Machine(int(said.get("NCPU") or 0), str(said.get("Architecture") or ""))
        return self._machine

    def close(self) -> None:
        """Ends every connection; a call under way fails with `Unreachable`."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()

    # --- clients and errors -------------------------------------------------------------------------------------------

    @contextmanager
    def _asking(self, seconds: int | None, fine: tuple[int, ...] = ()) -> Iterator[APIClient]:
        """This thread's client; what goes wrong becomes one of this module's three errors, a `fine` status none."""
        import requests
        from docker.errors import APIError, DockerException
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        try:
            client = self._client()
            client.timeout = seconds or INSPECT_SECONDS
            yield client
        except APIError as error:
            status = error.status_code or 500
            if status not in fine:
                raise Refused(status, str(error.explanation or error)) from error
        except requests.exceptions.ReadTimeout as error:
            raise TimedOut(seconds or 0) from error
        except (requests.exceptions.RequestException, HTTPError, DockerException, OSError) as error:
            if any(isinstance(part, ReadTimeoutError) for part in error.args):  # in the middle of a streamed answer
                raise TimedOut(seconds or 0) from error
            raise Unreachable(str(error)) from error

    def _client(self) -> APIClient:
        found: APIClient | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = self._reached.client(INSPECT_SECONDS)
            with self._lock:
                self._clients.append(found)
        return found


class Events:
    """One open stream of events. Lives until the engine ends it or somebody closes it; a clean end is an end too."""

    def __init__(self, stream: Any, asking: Callable[[int | None], AbstractContextManager[APIClient]]) -> None:
        self._stream = stream
        self._asking = asking

    def __iter__(self) -> Iterator[EngineJson]:
        with self._asking(None):
            yield from self._stream

    def close(self) -> None:
        """End it, from any thread; one that has ended is fine."""
        with suppress(OSError, AttributeError):  # the package looks for the socket of a stream that has none any more
            self._stream.close()


def _labels(labels: Mapping[str, str | None] | None) -> list[str]:
    return [name if value is None else f"{name}={value}" for name, value in (labels or {}).items()]


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()


def _registry_auth(client: APIClient, repository: str, credentials: Mapping[str, str] | None) -> dict[str, str]:
    """The header that carries a registry's credentials; where none are given, those of the user's `docker login`."""
    from docker import auth

    if credentials is not None:
        return {"X-Registry-Auth": auth.encode_header(dict(credentials)).decode()}
    registry, _ = auth.resolve_repository_name(repository)
    header = auth.get_config_header(client, registry)
    return {"X-Registry-Auth": header.decode() if isinstance(header, bytes) else header} if header else {}
