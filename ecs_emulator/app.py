"""The one place where everything is introduced to everything else, and the one place where threads start.

Starting: data directory → store → agent → loop → server. Ending goes the other way round.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from ecs_emulator import __version__, ecr, ecs, logs
from ecs_emulator.agent.docker.reach import NotReached, Reached, find_engine
from ecs_emulator.agent.hooks import HookCaller
from ecs_emulator.agent.simulated import SimulatedAgent
from ecs_emulator.agent.timekeeper import NotAdvanced, Timekeeper, ahead_in
from ecs_emulator.agent.workers import ThreadedWorkers
from ecs_emulator.arns import World
from ecs_emulator.clock import Clock, SystemClock, seconds_of
from ecs_emulator.config import AWS, FAST, Config, EngineChoice, Instances, Pull
from ecs_emulator.control import clearing
from ecs_emulator.control.loop import Loop, Stop
from ecs_emulator.control.plan import Agent
from ecs_emulator.control.telling import Telling
from ecs_emulator.ecr import constraints as ecr_constraints
from ecs_emulator.ecs import constraints as ecs_constraints
from ecs_emulator.ecs import faults, interruptions
from ecs_emulator.ecs.container_instances import add_instances
from ecs_emulator.ecs.errors import InvalidParameterException
from ecs_emulator.http import aws, events, hosts, own, own_trials
from ecs_emulator.http.faulty import Faults
from ecs_emulator.http.server import Server
from ecs_emulator.ids import Ids
from ecs_emulator.logs import constraints as logs_constraints
from ecs_emulator.logs import retention
from ecs_emulator.records.alarms import Alarm, AlarmState
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.ecr import Repository
from ecs_emulator.records.journal import Decided
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.settings import Fact
from ecs_emulator.records.tasks import Task, TaskStatus
from ecs_emulator.rules import deployment_alarms
from ecs_emulator.rules.resources import HOLDING
from ecs_emulator.store import Store, StoreUnusable
from ecs_emulator.store.directory import DataDir, DataDirInUse
from ecs_emulator.wire import dispatch
from ecs_emulator.wire.call import Call, Context
from ecs_emulator.wire.errors import ServerException
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
HOUSEKEEPING_AT_LEAST = 60.0
"""The machine's seconds between two looks, however fast the emulator's time runs."""
FASTEST = 100_000.0
LARGEST_PORT = 65_535
FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:.+")
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
        self.clock: Clock = SystemClock()
        self._house = threading.Event()
        """Set when there may be something to tidy up before the hour is over."""
        self.ids = Ids()
        with contextlib.ExitStack() as undo:
            self._data_dir = _data_dir(config)
            undo.callback(self._data_dir.release)
            self.store = _store(self._data_dir.path, config)
            undo.callback(self.store.close)
            telling = Telling(self.ids)
            self.store.before_commit(lambda tx: telling.tell(tx, self.clock.now()))
            self.engine = self._engine_of(config)
            self._timekeeper = self._kept_time(config)
            if self._timekeeper is not None:
                self.clock = self._timekeeper.clock
                undo.callback(self._timekeeper.close)
            self._server = _server(config)
            undo.callback(self._server.stop)
            self.config = replace(config, port=self._server.port, data_dir=self._data_dir.path)
            self.id = self._fact(EMULATOR_ID, secrets.token_hex(8))
            self._tokens = Tokens(bytes.fromhex(self._fact(TOKEN_KEY, secrets.token_hex(32))))
            self.agent = self._agent()
            self.workers = ThreadedWorkers(self.agent, self.clock, HookCaller(config.hooks, self.clock))
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
        if self._timekeeper is not None and self.config.time_scale != 1.0:
            timekeeper = self._timekeeper
            self._thread("time", lambda: timekeeper.keep(self._ending))
        self._server.start()
        return self

    def stop(self, *, remove: bool | None = None) -> None:
        """End cleanly: requests under way, decisions, effects. `remove` the tasks' containers: where ephemeral, unless told.

        What was decided and not yet done is decided again at the next start.
        """
        started, self._threads = self._threads, []
        if started:
            self._ending.set()
            self._house.set()
            self._server.stop()
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

    def _engine_of(self, config: Config) -> Engine:
        """The engine that the data directory's tasks run on; a new directory, or one without tasks, takes what is there."""
        engine = choose_engine(config.engine)
        if engine.reached is not None and config.time_scale != 1.0:
            raise CannotStart(
                "--time-scale is for simulated tasks, as real containers live in real time; add --engine simulated"
            )
        with self.store.transaction() as tx:
            known = tx.get(Fact, ENGINE_KIND)
            if known is not None and known.value != engine.name and tx.first(Task, cleaned=False) is not None:
                raise CannotStart(
                    f"the tasks of {self._data_dir.path} run on {known.value}, and {engine.because}; "
                    f"start with --engine {known.value}, or reset the directory"
                )
            tx.put(Fact(ENGINE_KIND, engine.name))
        return engine

    def _kept_time(self, config: Config) -> Timekeeper | None:
        """The emulator's own time, where tasks are simulated; the machine's where they are real."""
        if self.engine.reached is None:
            return Timekeeper(self.store, config.time_scale)
        if ahead := ahead_in(self.store):
            raise CannotStart(
                f"the time of {self._data_dir.path} is {ahead:.0f} s ahead of this machine's, and real containers live in "
                "real time; start with --engine simulated, or reset the directory"
            )
        return None

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
        self._faults, real = Faults(self.store, self.clock.now, self._ending.wait), SystemClock()
        door = aws.Door(
            services,
            self.store,
            self.clock,
            self.ids,
            self.config,
            self._tokens,
            lambda: self.endpoint,
            self._faults,
            real,
        )
        app = aws.create_app(door)
        app.register_blueprint(own.create_routes(self))
        app.register_blueprint(own_trials.create_routes(self))
        app.register_blueprint(events.create_routes(self.store, self._ending))
        try:
            blobs = oci.mount(app, self.store, self.clock, self.config, real)
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
            self._house.wait(max(HOUSEKEEPING_EVERY / self.clock.scale, HOUSEKEEPING_AT_LEAST))
            self._house.clear()

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

    # --- time and trouble ---------------------------------------------------------------------------------------------

    def time(self) -> dict[str, Any]:
        """What time it is for the emulator, how fast it runs, and how far it is ahead of this machine's clock."""
        now = self.clock.now()
        ahead = 0.0 if self._timekeeper is None else self._timekeeper.clock.ahead
        return {
            "now": now,
            "iso": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
            "scale": self.clock.scale,
            "ahead": ahead,
            "settable": self._timekeeper is not None,
        }

    def advance(self, duration: object) -> dict[str, Any]:
        """Make it later by seconds or `"30m"`, and come back when all that waited for an instant until then has happened.

        Raises InvalidParameterException: for what is no duration, and where tasks are real.
        """
        if self._timekeeper is None:
            raise InvalidParameterException(
                "time can be advanced for simulated tasks only: real containers live in real time"
            )
        try:
            seconds = seconds_of(duration)
            self._timekeeper.advance(seconds, self.loop.tell, self._is_over)
        except ValueError as error:
            raise InvalidParameterException(f"advance: {error}") from None
        except (NotAdvanced, StoreUnusable) as error:
            raise ServerException(str(error)) from error
        self._house.set()
        return self.time()

    def _is_over(self) -> bool:
        return self._ending.is_set() or self.failure is not None

    def faults(self, world: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
        """What was ordered to go wrong in an account and region, and goes on."""
        with self.store.snapshot() as tx:
            return faults.ordered(Call.of(self._context(self._world(world)), "ListFaults", tx))

    def order_fault(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Have something go wrong from now on: `{"kind": "throttle", "operations": ["RunTask"], "count": 3}`."""
        members = {name: value for name, value in asked.items() if name not in ("account", "region")}
        simulated = self.engine.reached is None
        with self.store.transaction() as tx:
            call = Call.of(self._context(self._world(asked)), "OrderFault", tx)
            ordered = faults.order(call, members, simulated=simulated)
        self._faults.read_again()
        return ordered

    def cancel_fault(self, fault_id: str, world: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
        """Have this go wrong no more."""
        with self.store.transaction() as tx:
            cancelled = faults.cancel(Call.of(self._context(self._world(world)), "CancelFault", tx), fault_id)
        self._faults.read_again()
        return cancelled

    def interrupt(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Take Spot capacity away: `{"subject": <task or container instance>, "cluster": …, "drain": true}`."""
        with self.store.transaction() as tx:
            call = Call.of(self._context(self._world(asked)), "Interrupt", tx)
            return interruptions.interrupt(
                call, asked["subject"], cluster=asked.get("cluster"), drain=asked.get("drain", True)
            )

    def alarms(self, world: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
        """What the alarms say that somebody spoke of; all others are OK."""
        where = self._world(world)
        with self.store.snapshot() as tx:
            found = tx.find(Alarm, account=where.account, region=where.region, order="name")
        return [{"name": one.name, "state": one.state, "since": one.since} for one in found]

    def set_alarm(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Have a CloudWatch alarm say so from now on: `{"name": "errors", "state": "ALARM"}`; deployments that heed it hear of it."""
        name, state, now = asked["name"], asked["state"], self.clock.now()
        if state not in list(AlarmState):
            raise InvalidParameterException(f"state should be one of [{','.join(AlarmState)}]")
        where = self._world(asked)
        with self.store.transaction() as tx:
            deployment_alarms.set_state(tx, where.account, where.region, name, AlarmState(state), now)
        return {"name": name, "state": state, "since": now}

    def _world(self, asked: Mapping[str, Any]) -> World:
        return World(asked.get("account", self.config.account), asked.get("region", self.config.region))

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
        case "hooks":
            return tuple(dict(value).items())
        case _:
            return value


def _refuse(config: Config) -> None:
    """What no server can be started with."""
    if config.verify_references:
        raise CannotStart("--verify-references looks references up in companion services, which this version has not")
    if not 1 <= config.time_scale <= FASTEST:
        raise CannotStart(f"--time-scale {config.time_scale:g} is none: it should be between 1 and {FASTEST:g}")
    for arn, url in config.hooks:
        if not FUNCTION.fullmatch(arn) or not url.startswith(("http://", "https://")):
            raise CannotStart(
                f"--hook {arn}={url} is none: it should be the ARN of a Lambda function, =, and an http URL"
            )
    if not 0 <= config.port <= LARGEST_PORT:
        raise CannotStart(f"--port {config.port} is none: it should be between 0 and {LARGEST_PORT}")
    if config.events_kept < 0:
        raise CannotStart(f"--events-kept {config.events_kept} is no number of documents")
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
