"""`ecs-emulator serve | status | logs | why | clock | fault …`: every flag is also an `ECS_EMULATOR_*` variable.

What lives only here: words on a terminal and exit codes. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ecs_emulator import __version__, config

Environment = Mapping[str, str]
COMMANDS = ("serve", "status", "logs", "why", "events", "instances", "clock", "fault", "interrupt", "alarm", "reset")
TRUE = ("1", "true", "yes", "on")
FALSE = ("", "0", "false", "no", "off")
_EVENT_TYPES = "task, instance, service, deployment, hook, daemon, daemon-deployment"


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; answers the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser(next((word for word in arguments if not word.startswith("-")), ""))
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return 2
    module, _, function = options.command.partition(":")
    try:
        status: int = getattr(import_module(f"{__name__}.{module}"), function)(options)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def fail(sentence: str) -> int:
    """One clear sentence, and a status that is not 0."""
    print(f"ecs-emulator: {sentence}", file=sys.stderr)
    return 1


def default_data_dir() -> Path:
    """The user's own, as the platform has it."""
    import platformdirs

    return Path(platformdirs.user_data_dir("ecs-emulator", appauthor=False))


# --- the words ---


def _parser(chosen: str) -> argparse.ArgumentParser:
    """The variables of the environment are looked at for the chosen command only: another's mistake is none of its business."""
    environment = {command: os.environ if command == chosen else {} for command in COMMANDS}
    parser = argparse.ArgumentParser(prog="ecs-emulator", description="Amazon ECS and ECR on your own machine.")
    parser.add_argument("--version", action="version", version=f"ecs-emulator {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _serve_words(commands.add_parser("serve", help="run the emulator"), environment["serve"])
    _asking_words(commands, environment)
    _trial_words(commands, environment)
    _reset_words(
        commands.add_parser("reset", help="remove a data directory and all that its server made on the engine"),
        environment["reset"],
    )
    return parser


class _Flags:
    """Adds flags whose defaults come from `ECS_EMULATOR_*` variables."""

    def __init__(self, parser: argparse.ArgumentParser, environment: Environment) -> None:
        self._parser = parser
        self._environment = environment

    def value(self, flag: str, default: Any, help: str, **more: Any) -> None:
        text = self._environment.get(_variable(flag))
        choices = more.get("choices", ())
        if text is not None and choices and text not in choices:
            self._parser.error(f"{_variable(flag)} is {text!r}: it should be one of {', '.join(choices)}")
        self._parser.add_argument(flag, default=default if text is None else text, help=help, **more)

    def several(self, flag: str, help: str, **more: Any) -> None:
        """May be repeated; in the environment the values stand with blanks between them."""
        given = self._environment.get(_variable(flag), "").split()
        self._parser.add_argument(flag, action="append", default=given, help=help, **more)

    def switch(self, flag: str, help: str) -> None:
        text = self._environment.get(_variable(flag), "").lower()
        if text not in TRUE + FALSE:
            self._parser.error(f"{_variable(flag)} is {text!r}: it should be one of {', '.join(TRUE + FALSE[1:])}")
        self._parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=text in TRUE, help=help)


def _variable(flag: str) -> str:
    return "ECS_EMULATOR_" + flag.removeprefix("--").replace("-", "_").upper()


def _serve_words(parser: argparse.ArgumentParser, environment: Environment) -> None:
    parser.set_defaults(command="serve:serve")
    flags = _Flags(parser, environment)
    flags.value("--host", "127.0.0.1", "the address to listen on (default: 127.0.0.1)")
    flags.value("--port", config.DEFAULT_PORT, "the port; 0 picks a free one (default: 4566)", type=int)
    flags.value("--data-dir", None, "where everything is kept (default: a directory of yours)", type=Path, metavar="D")
    flags.switch("--ephemeral", "keep nothing: a private directory, removed at the end with all containers")
    flags.value("--engine", "auto", "auto: Docker where it answers", choices=[*map(str, config.EngineChoice)])
    flags.value(
        "--instances", "on-demand", "what EC2 requests find in an empty cluster", choices=[*map(str, config.Instances)]
    )
    flags.value(
        "--time-scale", 1.0, "seconds of simulated tasks in one of this machine (default: 1)", type=float, metavar="N"
    )
    flags.value("--timings", "fast", "ECS's own waits: as short as possible, or as in AWS", choices=["fast", "aws"])
    flags.value("--account", config.DEFAULT_ACCOUNT, "the account of access keys that are no account number")
    flags.value("--region", config.DEFAULT_REGION, "the region that the printed exports name")
    flags.value("--registry-host", None, "the host that repositoryUri names (default: localhost:<port>)", metavar="H")
    flags.switch("--registry-anonymous", "/v2/ asks for no login and serves the default account and region")
    flags.switch("--verify-references", "refuse subnets, groups and roles that the companions do not know")
    flags.value("--vpc-cidr", None, "the addresses of awsvpc tasks (default: a free range)", metavar="CIDR")
    flags.value("--allowed-hosts", "", "more names that a request's Host may carry, comma separated; * is any")
    flags.value("--log-format", "text", "how the server logs", choices=["text", "json"])
    flags.value(
        "--pull", "prefer-cached", "when images are pulled, as the agent's setting", choices=[*map(str, config.Pull)]
    )
    flags.value("--events-kept", 10_000, "state change documents to keep (default: 10000)", type=int, metavar="N")
    flags.several("--hook", "what answers for a lifecycle hook's Lambda function; may be repeated", metavar="ARN=URL")
    flags.switch("--remove-on-exit", "remove the tasks' containers at the end, with a data directory too")


def _asking_words(commands: Any, environment: Mapping[str, Environment]) -> None:
    status = commands.add_parser("status", help="how a running emulator is")
    status.set_defaults(command="asking:status")
    logs = commands.add_parser("logs", help="the log lines of a task, or of a log group")
    logs.set_defaults(command="asking:logs")
    logs.add_argument("subject", help="a task's id or ARN, or the name of a log group")
    logs.add_argument("--cluster", default="default", help="the task's cluster (default: default)")
    logs.add_argument("--follow", "-f", action="store_true", help="go on until interrupted")
    why = commands.add_parser("why", help="the decisions about one task, service or instance, a sentence a line")
    why.set_defaults(command="asking:why")
    why.add_argument("subject", help="its ARN")
    why.add_argument("--limit", type=int, default=100, help="the newest so many (default: 100)")
    events = commands.add_parser("events", help="what EventBridge would be told, a JSON document a line")
    events.set_defaults(command="events:events")
    events.add_argument("--follow", "-f", action="store_true", help="go on until interrupted")
    events.add_argument("--short", action="store_true", help="a line for people")
    events.add_argument("--cluster", help="of this cluster alone: its name or ARN")
    events.add_argument("--service", help="of this service or daemon and its tasks: its name or ARN")
    events.add_argument("--task", help="of this task: its id or ARN")
    events.add_argument("--detail-type", action="append", metavar="TYPE", help=f"{_EVENT_TYPES}, or its whole name")
    events.add_argument("--limit", type=int, default=100, help="begin with the newest so many (default: 100)")
    instances = commands.add_parser("instances", help="simulated container instances")
    adding = instances.add_subparsers(title="commands", metavar="COMMAND", required=True).add_parser(
        "add", help="add some"
    )
    adding.set_defaults(command="asking:add_instances")
    adding.add_argument("--cluster", default="default", help="(default: default)")
    adding.add_argument("--count", type=int, default=1, help="(default: 1)")
    adding.add_argument("--cpu", type=int, help="CPU units, 1024 a vCPU (default: the host's)")
    adding.add_argument("--memory", type=int, help="MiB (default: the host's)")
    adding.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE")
    adding.add_argument("--purchase", choices=["on-demand", "reserved", "spot"], help="how they are bought")
    for command, parser in (
        ("status", status),
        ("logs", logs),
        ("why", why),
        ("events", events),
        ("instances", adding),
    ):
        _whom_words(parser, environment[command])


def _whom_words(parser: argparse.ArgumentParser, environment: Environment) -> None:
    """Which emulator is asked, and as whom."""
    flags = _Flags(parser, environment)
    exported = _exported(environment)
    flags.value(
        "--endpoint", exported.endpoint, "the running emulator (default: $AWS_ENDPOINT_URL, else this machine's)"
    )
    flags.value("--port", config.DEFAULT_PORT, argparse.SUPPRESS, type=int)
    flags.value("--account", exported.account, "the account to ask as (default: a 12-digit $AWS_ACCESS_KEY_ID)")
    flags.value("--region", exported.region, "the region to ask in (default: $AWS_REGION, $AWS_DEFAULT_REGION)")


def _trial_words(commands: Any, environment: Mapping[str, Environment]) -> None:
    clock = commands.add_parser("clock", help="what time it is for simulated tasks, and how to make it later")
    clock.set_defaults(command="trials:clock")
    clock.add_argument("--advance", metavar="DURATION", help="make it later by so much: 90s, 30m, 1h30m")
    faults = commands.add_parser("fault", help="trouble to order; it is kept over restarts until it is removed")
    verbs = faults.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adding = verbs.add_parser("add", help="have something go wrong from now on")
    adding.set_defaults(command="trials:add_fault")
    _fault_words(adding)
    listing = verbs.add_parser("list", help="what goes wrong now")
    listing.set_defaults(command="trials:list_faults")
    removing = verbs.add_parser("remove", help="have this go wrong no more")
    removing.set_defaults(command="trials:remove_fault")
    removing.add_argument("id", help="as add and list print it")
    interrupt = commands.add_parser("interrupt", help="take a FARGATE_SPOT task's or a Spot instance's capacity away")
    interrupt.set_defaults(command="trials:interrupt")
    interrupt.add_argument("subject", help="id or ARN of a task or a container instance, or i-…")
    interrupt.add_argument("--cluster", help="(default: the ARN's, else default)")
    interrupt.add_argument(
        "--drain", action=argparse.BooleanOptionalAction, default=True, help="as ECS_ENABLE_SPOT_INSTANCE_DRAINING"
    )
    alarm = commands.add_parser("alarm", help="have a CloudWatch alarm that deployments heed say so")
    alarm.set_defaults(command="trials:alarm")
    alarm.add_argument("name", help="as a service's deploymentConfiguration names it")
    alarm.add_argument("state", choices=["OK", "ALARM", "INSUFFICIENT_DATA"])
    trials = {"clock": (clock,), "fault": (adding, listing, removing), "interrupt": (interrupt,), "alarm": (alarm,)}
    for command, parsers in trials.items():
        for parser in parsers:
            _whom_words(parser, environment[command])


_FAULTS = ("throttle", "error", "latency", "crash", "slow-start", "unhealthy", "disconnect", "capacity-loss")


def _fault_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=_FAULTS, help="; ".join((
        "throttle, error, latency: of requests", "crash, slow-start, unhealthy: of a task or a service",
        "disconnect, capacity-loss: of a container instance", "unhealthy and exit codes need simulated tasks",
    )))  # fmt: skip
    parser.add_argument(
        "--operation", action="append", metavar="PATTERN", help="RunTask, Describe*, ecr:* (default: all)"
    )
    parser.add_argument("--share", type=float, help="of the requests, above 0 and at most 1 (default: 1)")
    parser.add_argument("--seed", type=int, help="which requests those are (default: 0)")
    parser.add_argument("--count", type=int, help="so many times, then never again")
    parser.add_argument("--seconds", metavar="DURATION", help="how long latency or slow-start lasts")
    for name in ("task", "service", "container", "instance", "cluster"):
        parser.add_argument(f"--{name}", help="whom it befalls" if name != "cluster" else "(default: default)")
    parser.add_argument("--exit-code", type=int, help="what a crashed container ends with (default: 137)")
    parser.add_argument("--after", metavar="DURATION", help="when the first crash comes (default: now)")
    parser.add_argument("--every", metavar="DURATION", help="when the next ones come (default: never)")


class _Exported(NamedTuple):
    """What the exports that the server printed say, or what it would have printed."""

    endpoint: str | None
    account: str
    region: str


def _exported(environment: Environment) -> _Exported:
    key = environment.get("AWS_ACCESS_KEY_ID", "")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or config.DEFAULT_REGION
    named = _variable("--port") in environment
    endpoint = None if named else environment.get("AWS_ENDPOINT_URL")
    return _Exported(endpoint, key if len(key) == 12 and key.isdigit() else config.DEFAULT_ACCOUNT, region)


def _reset_words(parser: argparse.ArgumentParser, environment: Environment) -> None:
    parser.set_defaults(command="reset:reset")
    flags = _Flags(parser, environment)
    flags.value("--data-dir", None, "the data directory (default: the one that serve uses)", type=Path, metavar="D")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument(
        "--orphans", action="store_true", help="sweep what dead ephemeral servers left, and nothing else"
    )
