"""Attributes: what a container instance says of itself, and up to ten things that others say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from ecs_emulator.ecs import resolve
from ecs_emulator.ecs.errors import (
    AttributeLimitExceededException,
    InvalidParameterException,
    TargetNotFoundException,
)
from ecs_emulator.records.clusters import Cluster
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus
from ecs_emulator.rules.errors import quoted
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

CONTAINER_INSTANCE = "container-instance"
MOST_IN_A_CALL = 10
MOST_CUSTOM = 10
LONGEST = 128
NAME = re.compile(r"[A-Za-z0-9\-_/\\.]{1,128}")
VALUE = re.compile(r"(?! )[A-Za-z0-9\-_.@/\\: ]{1,128}(?<! )")
BUILTIN_PREFIXES = ("ecs.", "com.amazonaws.ecs.")
LISTED = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)
AT_ONCE = 25
"""Instances read in one query, where it is not known how many will do."""


def put_attributes(call: Call, params: Params) -> Document:
    """Say things of instances; the same name again replaces the value.

    Source: PutAttributes in the ECS API reference. Errors: ClusterNotFoundException, TargetNotFoundException,
    AttributeLimitExceededException, InvalidParameterException.
    """
    given = _given(params)
    cluster = resolve.active_cluster(call, params)
    for each in given:
        refuse_malformed(each.get("name") or "", each.get("value"))
    for instance, those in _by_target(call, cluster, given):
        found = {**instance.attributes, **{each["name"]: each.get("value") for each in those}}
        if sum(not is_builtin(name) for name in found) > MOST_CUSTOM:
            raise AttributeLimitExceededException()
        call.put(replace(instance, attributes=found))
    return {"attributes": given}


def delete_attributes(call: Call, params: Params) -> Document:
    """Take things back by their name, and by their value where one is given; what is not there needs no taking back.

    Source: DeleteAttributes in the ECS API reference. Errors: ClusterNotFoundException, TargetNotFoundException,
    InvalidParameterException.
    """
    given = _given(params)
    cluster = resolve.active_cluster(call, params)
    for each in given:
        refuse_malformed(each.get("name") or "", each.get("value"))
    for instance, those in _by_target(call, cluster, given):
        gone = {each["name"] for each in those if _matches(instance, each)}
        left = {name: value for name, value in instance.attributes.items() if name not in gone}
        call.put(replace(instance, attributes=left))
    return {"attributes": given}


def list_attributes(call: Call, params: Params) -> Document:
    """One entry per attribute and instance, ACTIVE and DRAINING ones, of one name or of all.

    Source: ListAttributes in the ECS API reference. Errors: ClusterNotFoundException, InvalidParameterException.
    """
    if params.get("targetType") != CONTAINER_INSTANCE:
        raise InvalidParameterException("targetType must be container-instance")
    name, value = params.get("attributeName"), params.get("attributeValue")
    if value is not None and name is None:
        raise InvalidParameterException("attributeName must be specified when attributeValue is specified.")
    cluster = resolve.active_cluster(call, params)

    def fetch(after: Sequence[Any] | None, limit: int) -> list[dict[str, str]]:
        found = (
            {**each, "targetId": instance.arn}
            for instance in _from(call, cluster, after)
            for each in sorted(documents(_of_name(instance.attributes, name)), key=lambda one: one["name"])
            if value in (None, each.get("value"))
        )
        return list(islice((each for each in found if after is None or _place(each) > tuple(after)), limit))

    shown, token = page(call, params, fetch, _place, default=100, maximum=100)
    return {"attributes": shown, "nextToken": token}


def _of_name(attributes: Mapping[str, str | None], name: str | None) -> Mapping[str, str | None]:
    """All of them, or the one of this name if it is there."""
    if name is None:
        return attributes
    return {name: attributes[name]} if name in attributes else {}


def _place(attribute: Mapping[str, str]) -> tuple[str, str]:
    return attribute["targetId"], attribute["name"]


def _from(call: Call, cluster: Cluster, after: Sequence[Any] | None) -> Iterator[ContainerInstance]:
    """The instances by ARN, from the one in whose attributes the last page ended."""
    if after is None:
        yield from chain.from_iterable(batches(call, cluster, LISTED, None))
        return
    ended_in = call.get(ContainerInstance, after[0])
    if ended_in is not None and ended_in.status in LISTED:
        yield ended_in
    yield from chain.from_iterable(batches(call, cluster, LISTED, after[:1]))


def batches(
    call: Call, cluster: Cluster, statuses: Sequence[InstanceStatus], after: Sequence[object] | None
) -> Iterator[list[ContainerInstance]]:
    """The cluster's instances in these statuses by ARN, some at a time: whoever has enough reads no further."""
    while arns := instance_arns(call, cluster, statuses, after, AT_ONCE):
        yield sorted(call.find(ContainerInstance, arn=arns), key=lambda each: each.arn)
        after = (arns[-1],)


def instance_arns(
    call: Call, cluster: Cluster, statuses: Sequence[InstanceStatus], after: Sequence[object] | None, limit: int
) -> list[str]:
    """One list for each status, each in the order of its own index: no list is sorted that is longer than a page."""
    found = [
        arn
        for status in statuses
        for (arn,) in call.columns(
            ContainerInstance, ("arn",), cluster_arn=cluster.arn, status=status, order="arn", after=after, limit=limit
        )
    ]
    return sorted(found)[:limit]


def documents(attributes: Mapping[str, str | None]) -> list[dict[str, str]]:
    """As the API shows them: a capability has no value."""
    return [{"name": name} if value is None else {"name": name, "value": value} for name, value in attributes.items()]


def asked_for(given: Iterable[Mapping[str, Any]]) -> dict[str, str | None]:
    """Attributes of a request by their names; the last of two wins."""
    return {each["name"]: each.get("value") for each in given if each.get("name")}


def _given(params: Params) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = params.get("attributes") or []
    if not given:
        raise InvalidParameterException("attributes can not be empty")
    if len(given) > MOST_IN_A_CALL:
        raise InvalidParameterException(f"attributes can have at most {MOST_IN_A_CALL} items.")
    return given


def refuse_malformed(name: str, value: str | None) -> None:
    """Raises InvalidParameterException for a name or a value that no attribute may have, or that only ECS may give."""
    if not NAME.fullmatch(name):
        raise InvalidParameterException(f"Attribute name must match {NAME.pattern}, but was {quoted(name)}")
    if is_builtin(name):
        raise InvalidParameterException(f"The attribute {name} is reserved and can not be changed.")
    if value is not None and not VALUE.fullmatch(value):
        raise InvalidParameterException(f"Attribute value must match {VALUE.pattern}, but was {quoted(value)}")


def refuse_reported(name: str, value: str | None) -> None:
    """The same for what an agent says of its own machine: of what only ECS gives others, it may be too long alone."""
    if not is_builtin(name):
        refuse_malformed(name, value)
    for what, text in (("name", name), ("value", value or "")):
        if len(text) > LONGEST:
            raise InvalidParameterException(
                f"Attribute {what} can have at most {LONGEST} characters, but was {quoted(text)}"
            )


def is_builtin(name: str) -> bool:
    return name.startswith(BUILTIN_PREFIXES)


def _matches(instance: ContainerInstance, attribute: Mapping[str, Any]) -> bool:
    value = attribute.get("value")
    return value is None or instance.attributes.get(attribute["name"]) == value


def _by_target(
    call: Call, cluster: Cluster, given: Sequence[Mapping[str, Any]]
) -> list[tuple[ContainerInstance, list[Mapping[str, Any]]]]:
    found: dict[str, tuple[ContainerInstance, list[Mapping[str, Any]]]] = {}
    for each in given:
        instance = _target(call, cluster, each)
        found.setdefault(instance.arn, (instance, []))[1].append(each)
    return list(found.values())


def _target(call: Call, cluster: Cluster, attribute: Mapping[str, Any]) -> ContainerInstance:
    reference = attribute.get("targetId") or ""
    kind = attribute.get("targetType")
    if not reference:
        raise InvalidParameterException("targetId can not be blank.")
    if kind != CONTAINER_INSTANCE and (kind is not None or not reference.startswith("arn:")):
        raise InvalidParameterException("targetType must be container-instance")
    try:
        instance = resolve.instance_named(call, cluster, reference)
    except InvalidParameterException as error:
        if reference.startswith("arn:"):
            raise
        raise TargetNotFoundException(f"Could not find {reference}") from error
    if instance is None or instance.status is InstanceStatus.INACTIVE:
        raise TargetNotFoundException(f"Could not find {reference}")
    return instance
