"""Daemon task definitions are only ever added: a deleted revision goes on being run by the daemons that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecs_emulator.ecs.errors import ClientException, InvalidParameterException, LimitExceededException
from ecs_emulator.records.daemons import (
    DaemonTaskDefinition,
    DaemonTaskDefinitionFamily,
    DaemonTaskDefinitionStatus,
)
from ecs_emulator.rules import daemon_definitions, daemons, tags
from ecs_emulator.rules.daemon_definitions import KIND
from ecs_emulator.rules.definitions import references
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_REVISIONS = 1_000_000
LISTED = ("ACTIVE", "DELETE_IN_PROGRESS", "ALL")
BEHIND_ALL_NAMES = "~"
"""Greater than any character of a family's name."""


# --- finding one ------------------------------------------------------------------------------------------------------


def daemon_definition_named(call: Call, text: str) -> DaemonTaskDefinition | None:
    """The revision that `agent:3` or an ARN names, or the latest ACTIVE one of `agent`; None where there is none.

    Errors: those of `references.family_and_revision`.
    """
    family, revision = references.family_and_revision(text, call.world, KIND)
    if revision is not None:
        return call.get(DaemonTaskDefinition, references.arn_of(call.world, family, revision, KIND))
    found = call.find(
        DaemonTaskDefinition,
        account=call.world.account,
        region=call.world.region,
        status=DaemonTaskDefinitionStatus.ACTIVE,
        family=family,
        order="revision",
        descending=True,
        limit=1,
    )
    return found[0] if found else None


def active_daemon_definition(call: Call, text: str) -> DaemonTaskDefinition:
    """The same, for a daemon that is to run it. Errors: ClientException, also where it is deleted."""
    found = daemon_definition_named(call, text)
    if found is None:
        raise ClientException("DaemonTaskDefinition not found.")
    if found.status is not DaemonTaskDefinitionStatus.ACTIVE:
        raise ClientException("DaemonTaskDefinition is being deleted")
    return found


# --- operations -------------------------------------------------------------------------------------------------------


def register_daemon_task_definition(call: Call, params: Params) -> Document:
    """Write the next revision of a family; the same words again are another revision.

    Source: RegisterDaemonTaskDefinition in the ECS API reference. Errors: ClientException, InvalidParameterException by the first
    failing check of `rules/daemon_definitions`; LimitExceededException.
    """
    spec = daemon_definitions.validated(params)
    world, name = call.world, params["family"]
    family = call.get(DaemonTaskDefinitionFamily, world.account, world.region, name)
    number = 1 if family is None else family.latest_revision + 1
    if number > MOST_REVISIONS:
        raise LimitExceededException(f"The maximum number of revisions per family is {MOST_REVISIONS}.")
    former = call.get(DaemonTaskDefinition, references.arn_of(world, name, number - 1, KIND))
    if former is not None:
        call.put(replace(former, last_registered=False))
    definition = DaemonTaskDefinition(
        arn=references.arn_of(world, name, number, KIND),
        account=world.account,
        region=world.region,
        family=name,
        revision=number,
        status=DaemonTaskDefinitionStatus.ACTIVE,
        spec=spec,
        registered_at=call.now,
        registered_by=call.principal_arn,
        tags=tags.checked(params.get("tags") or (), ClientException),
    )
    call.put(DaemonTaskDefinitionFamily(world.account, world.region, name, number), definition)
    return {"daemonTaskDefinitionArn": definition.arn}


def describe_daemon_task_definition(call: Call, params: Params) -> Document:
    """One revision, deleted ones too for a while.

    Source: DescribeDaemonTaskDefinition in the ECS API reference. Errors: ClientException, InvalidParameterException.
    """
    found = daemon_definition_named(call, params["daemonTaskDefinition"])
    if found is None:
        raise ClientException("Unable to describe daemon task definition.")
    return {"daemonTaskDefinition": daemons.task_definition(found)}


def delete_daemon_task_definition(call: Call, params: Params) -> Document:
    """No new daemon is made of it; it is DELETED once no daemon has it any more.

    Source: DeleteDaemonTaskDefinition in the ECS API reference. Errors: ClientException, InvalidParameterException.
    """
    text = params["daemonTaskDefinition"]
    if references.family_and_revision(text, call.world, KIND).revision is None:
        raise InvalidParameterException("Revision is missing")
    found = daemon_definition_named(call, text)
    if found is None:
        raise ClientException(
            "The specified daemon task definition does not exist. Specify a valid account, family, revision and try again."
        )
    if found.status is not DaemonTaskDefinitionStatus.ACTIVE:
        raise InvalidParameterException(
            "The specified daemon task definition is not in ACTIVE status. Only ACTIVE daemon task definitions can be deleted."
        )
    call.put(replace(found, status=DaemonTaskDefinitionStatus.DELETE_IN_PROGRESS, delete_requested_at=call.now))
    return {"daemonTaskDefinitionArn": found.arn}


def list_daemon_task_definitions(call: Call, params: Params) -> Document:
    """Revisions by family and number; `familyPrefix` is a true prefix here, and `family` the whole of one.

    Source: ListDaemonTaskDefinitions in the ECS API reference. Errors: ClientException, InvalidParameterException.
    """
    status = _choice(params, "status", "ACTIVE", LISTED)
    descending = _choice(params, "sort", "ASC", ("ASC", "DESC")) == "DESC"
    if params.get("revision") is not None:
        _choice(params, "revision", "", ("LAST_REGISTERED",))
    prefix = params.get("familyPrefix") or ""
    wanted: dict[str, Any] = {"account": call.world.account, "region": call.world.region}
    if status != "ALL":
        wanted["status"] = DaemonTaskDefinitionStatus(status)
    if params.get("revision") is not None:
        wanted["last_registered"] = True
    if family := params.get("family"):
        wanted["family"] = family

    def fetch(after: Sequence[object] | None, limit: int) -> list[DaemonTaskDefinition]:
        begin = after or (prefix + BEHIND_ALL_NAMES if descending else prefix, 0)
        found = call.find(
            DaemonTaskDefinition, order="family,revision", descending=descending, after=begin, limit=limit, **wanted
        )
        return [each for each in found if each.family.startswith(prefix)]  # those that do stand together

    found, token = page(call, params, fetch, lambda each: (each.family, each.revision), default=100, maximum=100)
    return {"daemonTaskDefinitions": [daemons.task_definition_summary(each) for each in found], "nextToken": token}


def _choice(params: Params, member: str, default: str, allowed: Sequence[str]) -> str:
    """One value of an enumeration, which AWS's front end lets pass whatever it is."""
    value: str = params.get(member, default)
    if value not in allowed:
        raise InvalidParameterException(f"{member} should be one of [{','.join(allowed)}]")
    return value
