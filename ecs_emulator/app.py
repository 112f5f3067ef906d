"""The one place where everything is introduced to everything else, and the one place where threads start.

Starting: data directory → store → agent → loop → server. Ending goes the other way round.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ecs_emulator import __version__, ecr, ecs, logs
from ecs_emulator.agent.docker.reach import NotReached, Reached, find_engine
from ecs_emulator.agent.simulated import SimulatedAgent
from ecs_emulator.agent.workers import ThreadedWorkers
from ecs_emulator.arns import World
from ecs_emulator.clock import SystemClock
from ecs_emulator.config import AWS, FAST, Config, EngineChoice, Instances, Pull
from ecs_emulator.control import clearing
from ecs_emulator.control.loop import Loop, Stop
from ecs_emulator.control.plan import Agent
from ecs_emulator.ecr import constraints as ecr_constraints
from ecs_emulator.ecs import constraints as ecs_constraints
from ecs_emulator.ecs.container_instances import add_instances
from ecs_emulator.http import aws, hosts, own
from ecs_emulator.http.server import Server
from ecs_emulator.ids import Ids
from ecs_emulator.logs import constraints as logs_constraints
from ecs_emulator.logs import retention
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.ecr import Repository
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.settings import Fact
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.store import Store, StoreUnusable
from ecs_emulator.store.directory import DataDir, DataDirInUse
from ecs_emulator.wire import dispatch
from ecs_emulator.wire.call import Call, Context
from ecs_emulator.wire.models import load
from ecs_emulator.wire.tokens import Tokens

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from ecs_emulator.http.blob_door import BlobDoor

log = logging.getLogger(__name__)

EMULATOR_ID = "emulator-id"
TOKEN_KEY = "page-token-key"
ENGINE_KIND = "engine-kind"
JOIN_SECONDS = 10.0
HOUSEKEEPING_EVERY = 3600.0
LARGEST_PORT = 65_535
MOST_DECISIONS = 1000
ACCOUNT_DIGITS = 12
CLEARING_LOOKS_EVERY = 0.02


class CannotStart(Exception):
    """The emulator cannot run here; the message is one clear sentence for the user."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that was chosen: a real one, or none."""

    reached: Reached | None
    because: str

    @property
    def name(self) -> str:
        return "docker" if self.reached is not None else "simulated"


def choose_engine(choice: EngineChoice) -> Engine:
    """Docker where it answers and is not declined. Raises CannotStart where it is demanded and does not answer."""
    if choice is EngineChoice.SIMULATED:
        return Engine(None, "it was asked for")
    found = find_engine()
    if isinstance(found, Reached):
        return Engine(found, f"an engine answers at {found.url}")
    assert isinstance(found, NotReached)
    if choice is EngineChoice.DOCKER:
        raise CannotStart(f"no Docker engine answers ({found.problem}); start one, or use --engine simulated")
    return Engine(None, f"no Docker engine answers ({found.problem})")


class Emulator:
    """The whole emulator. Lives from `start` to `stop`; as a context manager it does both."""

    def __init__(self, config: Config, *, on_failure: Callable[[], None] | None = None) -> None:
        """Take the data directory, the port and the engine. Raises CannotStart, and then nothing is left behind.

        `on_failure` is called once if a thread of the emulator fails: it answers no more then, and `failure` says why.
        """
        _refuse(config)
        self.failure: str | None = None
        self._on_failure = on_failure
        self._failing = threading.Lock()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self.clock = SystemClock()
        self.ids = Ids()
        with contextlib.ExitStack() as undo:
            self._data_dir = _data_dir(config)
            undo.callback(self._data_dir.release)
            self.store = _store(self._data_dir.path, config)
            undo.callback(self.store.close)
            self.engine = self._engine_of(config.engine)
            self._server = _server(config)
            undo.callback(self._server.stop)
            self.config = replace(config, port=self._server.port, data_dir=self._data_dir.path)
            self.id = self._fact(EMULATOR_ID, secrets.token_hex(8))
            self._tokens = Tokens(bytes.fromhex(self._fact(TOKEN_KEY, secrets.token_hex(32))))
            self.agent = self._agent()
            self.workers = ThreadedWorkers(self.agent, self.clock)
            self.loop = Loop(self.store, self.agent, self.workers, self.clock, self.ids, self.config)
            self._blobs = self._mount()
            self._undo = undo.pop_all()

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:4566`: what goes into `endpoint_url`."""
        return self._server.endpoint

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to move and to answer."""
        self._thread("control", self.loop.run)
        self._thread("engine-watch", lambda: self.agent.watch(self.loop.tell))
        self._thread("housekeeping", self._keep_house)
        self._server.start()
        return self

    def stop(self, *, remove: bool | None = None) -> None:
        """End cleanly: requests under way, decisions, effects. `remove` the tasks' containers: where ephemeral, unless told.

        What was decided and not yet done is decided again at the next start.
        """
        started, self._threads = self._threads, []
        if started:
            self._server.stop()
            self._ending.set()
            self.loop.tell(Stop())
            control, *others = started
            control.join(JOIN_SECONDS)
            self.workers.close()
            remove = (self.config.ephemeral or self.config.remove_on_exit) if remove is None else remove
            self.agent.forget(keep_running=not remove)
            self.agent.close()
            for thread in others:
                thread.join(JOIN_SECONDS)
        self._undo.close()

    def __enter__(self) -> Self:
        return self if self._threads else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _thread(self, name: str, target: Any) -> None:
        thread = threading.Thread(target=self._rooted, args=(name, target), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _rooted(self, name: str, target: Callable[[], None]) -> None:
        """The root of a thread: what escapes it ends the emulator rather than leaving it half alive."""
        try:
            target()
        except Exception as error:
            log.critical("the %s thread has failed; the emulator answers no more", name, exc_info=True)
            if not self._failing.acquire(blocking=False):
                return  # another was first, and has said so
            self.failure = f"the {name} thread has failed: {type(error).__name__}: {error}"
            if self._on_failure is not None:
                self._on_failure()
            else:
                self._server.stop()

    # --- introductions ------------------------------------------------------------------------------------------------

    def _engine_of(self, choice: EngineChoice) -> Engine:
        """The engine that the data directory's tasks run on; a new directory, or one without tasks, takes what is there."""
        engine = choose_engine(choice)
        with self.store.transaction() as tx:
            known = tx.get(Fact, ENGINE_KIND)
            if known is not None and known.value != engine.name and tx.first(Task, cleaned=False) is not None:
                raise CannotStart(
                    f"the tasks of {self._data_dir.path} run on {known.value}, and {engine.because}; "
                    f"start with --engine {known.value}, or reset the directory"
                )
            tx.put(Fact(ENGINE_KIND, engine.name))
        return engine

    def _agent(self) -> Agent:
        kept = self.config.timings.containers_kept
        if self.engine.reached is None:
            return SimulatedAgent(self.clock, containers_kept=kept)
        from ecs_emulator.agent.docker.agent import docker_agent

        try:
            return docker_agent(
                self.engine.reached, self.store, self.clock, self.config, self.id, lambda: self.endpoint
            )
        except ValueError as error:
            raise CannotStart(f"--vpc-cidr {self.config.vpc_cidr} is no range of addresses: {error}") from error

    def _mount(self) -> BlobDoor:
        from ecs_emulator.http import oci

        services = (
            dispatch.Service("ecs", load("ecs"), ecs, ecs_constraints),
            dispatch.Service("ecr", load("ecr"), ecr, ecr_constraints, writes=["BatchGetImage"]),
            dispatch.Service("logs", load("logs"), logs, logs_constraints, reads=["TestMetricFilter"]),
        )
        door = aws.Door(services, self.store, self.clock, self.ids, self.config, self._tokens, lambda: self.endpoint)
        app = aws.create_app(door)
        app.register_blueprint(own.create_routes(self))
        try:
            blobs = oci.mount(app, self.store, self.clock, self.config)
        except OSError as error:
            raise CannotStart(f"the data directory {self.config.data_dir} cannot be used: {error}") from error
        self._server.mount(hosts.guarded(app, self.config.allowed_hosts), door, blobs)
        return blobs

    def _keep_house(self) -> None:
        """Every hour: forget blobs that no repository has, uploads that nobody continues, log events past their retention."""
        while not self._ending.is_set():
            try:
                freed = self._blobs.tidy()
                expired = retention.sweep(self.store, self.config.data_dir, self.clock.now())
            except (OSError, StoreUnusable) as error:
                log.warning("what is no longer needed could not be removed: %s", error)
            else:
                log.debug("removed %d bytes of image content and %d log segments that nobody needs", freed, expired)
            self._ending.wait(HOUSEKEEPING_EVERY)

    def _fact(self, name: str, fresh: str) -> str:
        """What this data directory has been since its first start."""
        with self.store.transaction() as tx:
            known = tx.get(Fact, name)
            if known is None:
                known = Fact(name, fresh)
                tx.put(known)
            return known.value

    # --- what its own routes ask --------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """Version, engine and counts."""
        with self.store.snapshot() as tx:
            counts = {
                "clusters": tx.count(Cluster, status=ClusterStatus.ACTIVE),
                "services": tx.count(Service, status=ServiceStatus.ACTIVE),
                "tasks": tx.count(Task, last_status=HOLDING),
                "runningTasks": tx.count(Task, last_status=TaskStatus.RUNNING),
                "repositories": tx.count(Repository),
            }
        lost, problem = self.loop.engine_lost, self.loop.problem
        return {
            "status": "degraded" if lost or problem else "ok",
            "problem": problem,
            "version": __version__,
            "engine": {"kind": self.engine.name, "because": self.engine.because, "problem": lost},
            "id": self.id,
            "process": os.getpid(),
            "dataDir": str(self._data_dir.path),
            "ephemeral": self.config.ephemeral,
            "counts": counts,
        }

    def decisions(self, subject: str, limit: int) -> list[dict[str, Any]]:
        """The newest decisions about the thing with this ARN, or about all where none is named, oldest first."""
        with self.store.snapshot() as tx:
            named = {"subject": subject} if subject else {}
            found = tx.find(Decided, order="seq", descending=True, limit=max(1, min(limit, MOST_DECISIONS)), **named)
        return [{"at": one.at, "subject": one.subject, "text": one.text} for one in reversed(found)]

    def add_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Simulated machines for a cluster: what `ecs-emulator instances add` asks for."""
        context = self._context(
            World(asked.get("account", self.config.account), asked.get("region", self.config.region))
        )
        with self.store.transaction() as tx:
            added = add_instances(
                Call.of(context, "AddInstances", tx),
                asked.get("cluster"),
                asked.get("count", 1),
                cpu=asked.get("cpu"),
                memory=asked.get("memory"),
                attributes=asked.get("attributes"),
            )
        return {"containerInstanceArns": [each.arn for each in added]}

    def _context(self, world: World) -> Context:
        """The emulator's own request in this account and region."""
        return Context(
            store=self.store,
            world=world,
            now=self.clock.now(),
            ids=self.ids,
            config=self.config,
            principal_arn=world.root_arn,
            request_id=self.ids.uuid("request"),
            data_dir=self.config.data_dir,
            endpoint=self.endpoint,
            tokens=self._tokens,
        )

    def clear_account(self, account: str, timeout: float = 60.0) -> None:
        """Remove all of one account: services, tasks with their containers, and every record. TimeoutError if that takes too long."""
        deadline = time.monotonic() + timeout
        with self.store.transaction() as tx:
            clearing.begin(tx, account, self.clock.now())
        while not self._cleared(account):
            if time.monotonic() > deadline:
                raise TimeoutError(f"account {account} still has containers after {timeout:g} s")
            time.sleep(CLEARING_LOOKS_EVERY)

    def _cleared(self, account: str) -> bool:
        with self.store.transaction() as tx:
            return clearing.finish(tx, account)

    # --- for Python ---------------------------------------------------------------------------------------------------

    def client(self, service: str, *, account: str | None = None, region: str | None = None) -> BaseClient:
        """A boto3 client of this emulator: `ecs`, `ecr` or `logs`, as this account in this region."""
        import boto3

        session: Any = boto3.session.Session()
        client: BaseClient = session.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region or self.config.region,
            aws_access_key_id=account or self.config.account,
            aws_secret_access_key="emulated",
        )
        return client


def start(**settings: Any) -> Emulator:
    """An emulator in this process: ephemeral and on a free port unless told otherwise."""
    unknown = settings.keys() - {field.name for field in fields(Config)}
    if unknown:
        raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
    ephemeral = settings.pop("ephemeral", "data_dir" not in settings)
    defaults: dict[str, Any] = {"port": 0, "data_dir": Path()}
    told = {name: _meant(name, value) for name, value in settings.items()}
    return Emulator(Config(**{**defaults, **told, "ephemeral": ephemeral})).start()


def _meant(name: str, value: Any) -> Any:
    """A setting as `Config` has it: a word stands for what the flag of that name makes of it. Raises ValueError."""
    match name:
        case "engine":
            return EngineChoice(value)
        case "instances":
            return Instances(value)
        case "pull":
            return Pull(value)
        case "timings" if value in ("fast", "aws"):
            return AWS if value == "aws" else FAST
        case "data_dir":
            return Path(value)
        case "allowed_hosts":
            return tuple(value)
        case _:
            return value


def _refuse(config: Config) -> None:
    """What no server can be started with."""
    if config.verify_references:
        raise CannotStart("--verify-references looks references up in companion services, which this version has not")
    if not 0 <= config.port <= LARGEST_PORT:
        raise CannotStart(f"--port {config.port} is none: it should be between 0 and {LARGEST_PORT}")
    if not (len(config.account) == ACCOUNT_DIGITS and config.account.isascii() and config.account.isdigit()):
        raise CannotStart(f"--account {config.account} is none: it should be {ACCOUNT_DIGITS} digits")


def _data_dir(config: Config) -> DataDir:
    try:
        return DataDir.new_ephemeral() if config.ephemeral else DataDir(config.data_dir)
    except DataDirInUse as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        raise CannotStart(f"the data directory {config.data_dir} cannot be used: {error.strerror or error}") from error


def _store(path: Path, config: Config) -> Store:
    try:
        return Store(path, durable=not config.ephemeral)
    except StoreUnusable as error:
        raise CannotStart(str(error)) from error


def _server(config: Config) -> Server:
    try:
        return Server(config.host, config.port)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while attempting")[0]
        raise CannotStart(f"cannot listen on {config.host}:{config.port}: {reason}") from error
