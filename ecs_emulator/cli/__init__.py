"""`ecs-emulator serve | status | logs | why | instances | reset`: every flag is also an `ECS_EMULATOR_*` variable.

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
COMMANDS = ("serve", "status", "logs", "why", "instances", "reset")
TRUE = ("1", "true", "yes", "on")
FALSE = ("", "0", "false", "no", "off")


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
    for command, parser in (("status", status), ("logs", logs), ("why", why), ("instances", adding)):
        flags = _Flags(parser, environment[command])
        exported = _exported(environment[command])
        flags.value(
            "--endpoint", exported.endpoint, "the running emulator (default: $AWS_ENDPOINT_URL, else this machine's)"
        )
        flags.value("--port", config.DEFAULT_PORT, argparse.SUPPRESS, type=int)
        flags.value("--account", exported.account, "the account to ask as (default: a 12-digit $AWS_ACCESS_KEY_ID)")
        flags.value("--region", exported.region, "the region to ask in (default: $AWS_REGION, $AWS_DEFAULT_REGION)")


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
