"""Task definitions are only ever added: an operation may retire a revision, and never alters what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ecs_emulator.records.task_definitions import (
    FamilyStatus,
    TaskDefinition,
    TaskDefinitionFamily,
    TaskDefinitionStatus,
)
from ecs_emulator.rules import definitions, tags
from ecs_emulator.rules.errors import ClientException, InvalidParameterException, LimitExceededException
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.errors import AwsError
from ecs_emulator.wire.paging import BadPageSize, page
from ecs_emulator.wire.tokens import BadToken

LARGEST_PAGE = 100
MOST_DELETED_AT_ONCE = 10
MOST_REVISIONS = 1_000_000
FAMILY_STATUSES = {
    "ACTIVE": (FamilyStatus.ACTIVE,),
    "INACTIVE": (FamilyStatus.INACTIVE,),
    "ALL": (FamilyStatus.ACTIVE, FamilyStatus.INACTIVE),
}
_BOOKMARK = re.compile(r"([A-Za-z0-9_-]{1,255})::(\d{10})", re.ASCII)


# --- finding one ------------------------------------------------------------------------------------------------------


def definition_named(call: Call, text: str) -> TaskDefinition | None:
    """The revision that `web:3` or an ARN names, or the latest ACTIVE one of `web`; None where there is none.

    Errors: those of `definitions.family_and_revision`.
    """
    family, revision = definitions.family_and_revision(text, call.world)
    if revision is not None:
        return call.get(TaskDefinition, definitions.arn_of(call.world, family, revision))
    found = call.find(
        TaskDefinition,
        account=call.world.account,
        region=call.world.region,
        status=TaskDefinitionStatus.ACTIVE,
        family=family,
        order="revision",
        descending=True,
        limit=1,
    )
    return found[0] if found else None


def resolve_definition(call: Call, text: str) -> TaskDefinition:
    """The same, for who wants to run it. Errors: ClientException `TaskDefinition not found.`"""
    return _found(definition_named(call, text), "TaskDefinition not found.")


def refuse_unusable(definition: TaskDefinition, error: type[AwsError] = InvalidParameterException) -> None:
    """Nothing new is run from a retired revision. RunTask says InvalidParameter, services say ClientException."""
    match definition.status:
        case TaskDefinitionStatus.INACTIVE:
            raise error("TaskDefinition is inactive")
        case TaskDefinitionStatus.DELETE_IN_PROGRESS:
            raise error("TaskDefinition is being deleted")


def _found(definition: TaskDefinition | None, otherwise: str) -> TaskDefinition:
    if definition is None:
        raise ClientException(otherwise)
    return definition


# --- operations -------------------------------------------------------------------------------------------------------


def register_task_definition(call: Call, params: Params) -> Document:
    """Write the next revision of a family; the same words again are another revision.

    Errors: ClientException, InvalidParameterException by the first failing check of `rules/definitions`; LimitExceeded.
    """
    spec = definitions.validated(params)
    family = _family(call, spec["family"]).registered()
    if family.latest_revision > MOST_REVISIONS:
        raise LimitExceededException(f"The maximum number of revisions per family is {MOST_REVISIONS}.")
    definition = TaskDefinition(
        arn=definitions.arn_of(call.world, family.name, family.latest_revision),
        account=call.world.account,
        region=call.world.region,
        family=family.name,
        revision=family.latest_revision,
        status=TaskDefinitionStatus.ACTIVE,
        spec=spec,
        registered_at=call.now,
        registered_by=call.principal_arn,
        tags=tags.checked(params.get("tags") or (), ClientException),
    )
    call.put(family, definition)
    answer: Document = {"taskDefinition": _document(definition)}
    if definition.tags:
        answer["tags"] = tags.document(definition.tags)
    return answer


def describe_task_definition(call: Call, params: Params) -> Document:
    """One revision, retired ones too; its tags only where `include` asks for them."""
    found = definition_named(call, params.get("taskDefinition", ""))
    definition = _found(found, "Unable to describe task definition.")
    shown = definition.tags if "TAGS" in params.get("include", ()) else {}
    return {"taskDefinition": _document(definition), "tags": tags.document(shown)}


def deregister_task_definition(call: Call, params: Params) -> Document:
    """Retire one revision; again is the same. The first answer does not say when, all later ones do (recorded)."""
    text = params.get("taskDefinition", "")
    if definitions.family_and_revision(text, call.world).revision is None:
        raise InvalidParameterException("Revision is missing")
    definition = _found(definition_named(call, text), "Unable to deregister task definition.")
    if definition.status is TaskDefinitionStatus.DELETE_IN_PROGRESS:
        raise ClientException(
            "The task definition could not be deregistered because it is in the process of being deleted."
        )
    if definition.status is TaskDefinitionStatus.INACTIVE:
        return {"taskDefinition": _document(definition)}
    retired = replace(definition, status=TaskDefinitionStatus.INACTIVE, deregistered_at=call.now)
    call.put(retired, _family(call, definition.family).deregistered())
    return {"taskDefinition": _document(replace(retired, deregistered_at=None))}


def delete_task_definitions(call: Call, params: Params) -> Document:
    """Have INACTIVE revisions go away once nothing uses them; what cannot be deleted is a failure, not an error."""
    texts = params.get("taskDefinitions") or ()
    if not texts:
        raise InvalidParameterException("Task Definitions cannot be empty.")
    if len(texts) > MOST_DELETED_AT_ONCE:
        raise InvalidParameterException(f"taskDefinitions can have at most {MOST_DELETED_AT_ONCE} items.")
    deleted: list[Document] = []
    failures: list[Document] = []
    for text in texts:
        definition, reason = _deletable(call, text)
        if definition is None:
            failures.append({"arn": text, "reason": reason})
            continue
        if definition.status is not TaskDefinitionStatus.DELETE_IN_PROGRESS:
            definition = replace(
                definition, status=TaskDefinitionStatus.DELETE_IN_PROGRESS, delete_requested_at=call.now
            )
            call.put(definition)
        deleted.append(_document(replace(definition, delete_requested_at=None)))  # recorded: not said here
    return {"taskDefinitions": deleted, "failures": failures}


def _deletable(call: Call, text: str) -> tuple[TaskDefinition | None, str]:
    """The retired revision of this name, or why there is none."""
    try:
        if definitions.family_and_revision(text, call.world).revision is None:
            raise InvalidParameterException("Revision is missing")
    except (ClientException, InvalidParameterException):
        return None, "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
    definition = definition_named(call, text)
    if definition is None:
        return None, (
            "The specified task definition does not exist. Specify a valid account, family, revision and try again."
        )
    if definition.status is TaskDefinitionStatus.ACTIVE:
        return None, (
            "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
        )
    return definition, ""


# --- lists ------------------------------------------------------------------------------------------------------------


def list_task_definitions(call: Call, params: Params) -> Document:
    """Revisions by family and number. The token is AWS's own, which can be read: the last item as `web::0000000001`."""
    status = TaskDefinitionStatus(_choice(params, "status", "ACTIVE", TaskDefinitionStatus))
    descending = _choice(params, "sort", "ASC", ("ASC", "DESC")) == "DESC"
    size = params.get("maxResults", LARGEST_PAGE)
    if not 1 <= size <= LARGEST_PAGE:
        raise BadPageSize("maxResults", LARGEST_PAGE)
    wanted: dict[str, Any] = {"account": call.world.account, "region": call.world.region, "status": status}
    if family := params.get("familyPrefix"):
        wanted["family"] = family  # whatever its name says, the whole of one
    found = call.columns(
        TaskDefinition,
        ("arn", "family", "revision"),
        order="family,revision",
        descending=descending,
        after=_opened(params.get("nextToken")),
        limit=size + 1,
        **wanted,
    )
    answer: Document = {"taskDefinitionArns": [arn for arn, _, _ in found[:size]]}
    if len(found) > size:
        _, last_family, last_revision = found[size - 1]
        answer["nextToken"] = f"{last_family}::{last_revision:010d}"
    return answer


def _opened(token: str | None) -> tuple[str, int] | None:
    if token is None:
        return None
    if (found := _BOOKMARK.fullmatch(token)) is None:
        raise BadToken
    return found[1], int(found[2])


def list_task_definition_families(call: Call, params: Params) -> Document:
    """Families by name: ACTIVE ones have an ACTIVE revision, INACTIVE ones only others."""
    statuses = FAMILY_STATUSES[_choice(params, "status", "ALL", FAMILY_STATUSES)]
    prefix = params.get("familyPrefix", "")

    def behind(after: Any, limit: int) -> list[str]:
        # One list for each status, each in the order of its own index: no list is sorted that is longer than a page.
        names = [name for status in statuses for name in _families(call, status, prefix, after, limit)]
        return sorted(names)[:limit]

    names, token = page(call, params, behind, str, default=LARGEST_PAGE, maximum=LARGEST_PAGE)
    return {"families": names, "nextToken": token} if token else {"families": names}


def _families(call: Call, status: FamilyStatus, prefix: str, after: Any, limit: int) -> list[str]:
    """At most so many names that begin with `prefix`: in their order they follow the name that is just that."""
    of: dict[str, Any] = {"account": call.world.account, "region": call.world.region, "status": status}
    found = call.columns(TaskDefinitionFamily, ("name",), name=prefix, **of) if after is None else []
    found += call.columns(TaskDefinitionFamily, ("name",), order="name", after=after or (prefix,), limit=limit, **of)
    return [name for (name,) in found if name.startswith(prefix)]


# --- parts ------------------------------------------------------------------------------------------------------------


def _family(call: Call, name: str) -> TaskDefinitionFamily:
    found = call.get(TaskDefinitionFamily, call.world.account, call.world.region, name)
    return found or TaskDefinitionFamily(account=call.world.account, region=call.world.region, name=name)


def _choice(params: Params, member: str, default: str, allowed: Any) -> str:
    """One value of an enumeration, which AWS's front end lets pass whatever it is."""
    value: str = params.get(member, default)
    if value not in list(allowed):
        raise InvalidParameterException(f"{member} should be one of [{','.join(allowed)}]")
    return value


def _document(definition: TaskDefinition) -> Document:
    document: Document = {
        **definition.spec,
        "taskDefinitionArn": definition.arn,
        "revision": definition.revision,
        "status": definition.status,
        "registeredAt": definition.registered_at,
        "registeredBy": definition.registered_by,
    }
    if definition.deregistered_at is not None:
        document["deregisteredAt"] = definition.deregistered_at
    if definition.delete_requested_at is not None:
        document["deleteRequestedAt"] = definition.delete_requested_at
    return document
