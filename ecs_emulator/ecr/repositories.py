"""A repository is a name, and what is true of every image pushed under it.

Source: CreateRepository, DescribeRepositories, DeleteRepository and PutImageTagMutability in the ECR API reference.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from ecs_emulator import arns
from ecs_emulator.arns import World
from ecs_emulator.ecr import errors, resolve, tags
from ecs_emulator.ecr.constraints import invalid
from ecs_emulator.records.ecr import Image, Repository, TagMutability
from ecs_emulator.registry import images
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

_KEY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_MOST_WILDCARDS = 2


def create_repository(call: Call, params: Params) -> Document:
    """A new, empty repository.

    Errors: InvalidParameter, InvalidTagParameter, TooManyTags, Kms, RepositoryAlreadyExists; a bad parameter comes first.
    """
    world, name = resolve.registry(call, params), params["repositoryName"]
    mutability = TagMutability(params.get("imageTagMutability", TagMutability.MUTABLE))
    repository = Repository(
        world.account,
        world.region,
        name,
        arn=world.arn("ecr", f"repository/{name}"),
        created_at=call.now,
        tag_mutability=mutability,
        exclusion_filters=_filters(mutability, params.get("imageTagMutabilityExclusionFilters")),
        scan_on_push=params.get("imageScanningConfiguration", {}).get("scanOnPush", False),
        encryption=_encryption(world, params.get("encryptionConfiguration", {})),
        tags=tags.checked(params.get("tags", ())),
    )
    if call.get(Repository, world.account, world.region, name):
        raise errors.repository_already_exists(name, world.account)
    call.put(repository)
    return {"repository": document(call, repository)}


def describe_repositories(call: Call, params: Params) -> Document:
    """Those named, in the order of the request, or a page of all in the order of their names."""
    if "repositoryNames" in params:
        return {"repositories": [document(call, each) for each in _named(call, params)]}
    world = resolve.registry(call, params)
    found, token = page(
        call,
        params,
        lambda after, limit: call.find(
            Repository, account=world.account, region=world.region, order="name", after=after, limit=limit
        ),
        lambda each: each.name,
        default=100,
        maximum=1000,
    )
    return {"repositories": [document(call, each) for each in found], "nextToken": token}


def delete_repository(call: Call, params: Params) -> Document:
    """The repository and everything in it; with images only by `force`. Errors: RepositoryNotFound, RepositoryNotEmpty."""
    repository = resolve.repository(call, params)
    holds_images = call.first(Image, account=repository.account, region=repository.region, repository=repository.name)
    if holds_images and not params.get("force", False):
        raise errors.repository_not_empty(repository)
    images.remove_repository(call.tx, repository)
    told = document(call, repository)
    del told["imageScanningConfiguration"], told["encryptionConfiguration"]  # AWS tells them of a living one only
    return {"repository": told}


def put_image_tag_mutability(call: Call, params: Params) -> Document:
    """Whether tags may move from now on; those that did stay where they are."""
    repository = resolve.repository(call, params)
    mutability = TagMutability(params["imageTagMutability"])
    filters = _filters(mutability, params.get("imageTagMutabilityExclusionFilters"))
    call.put(replace(repository, tag_mutability=mutability, exclusion_filters=filters))
    return {
        "registryId": repository.account,
        "repositoryName": repository.name,
        "imageTagMutability": mutability,
        "imageTagMutabilityExclusionFilters": filters or None,
    }


def document(call: Call, repository: Repository) -> Document:
    """`Repository` in the model."""
    world = World(repository.account, repository.region)
    return {
        "repositoryArn": repository.arn,
        "registryId": repository.account,
        "repositoryName": repository.name,
        "repositoryUri": f"{resolve.host(call, world)}/{repository.name}",
        "createdAt": repository.created_at,
        "imageTagMutability": repository.tag_mutability,
        "imageTagMutabilityExclusionFilters": repository.exclusion_filters or None,
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": repository.encryption,
    }


def _named(call: Call, params: Params) -> list[Repository]:
    for member in ("nextToken", "maxResults"):
        if member in params:
            raise invalid(member, f"{member} cannot be used when repositoryNames is specified")
    world = resolve.registry(call, params)
    return [images.repository(call.tx, world, name) for name in dict.fromkeys(params["repositoryNames"])]


def _filters(mutability: TagMutability, filters: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Filters are exclusions from a rule: they come with one that has exclusions, and only then."""
    member = "imageTagMutabilityExclusionFilters"
    excludes = mutability in (TagMutability.IMMUTABLE_WITH_EXCLUSION, TagMutability.MUTABLE_WITH_EXCLUSION)
    if filters and not excludes:
        raise invalid(
            member,
            f"ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as {mutability}",
        )
    if excludes and not filters:
        raise invalid(
            member, f"ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as {mutability}"
        )
    if any(each["filter"].count("*") > _MOST_WILDCARDS for each in filters or ()):
        raise invalid(member, f"Image tag mutability exclusion filter can contain a maximum of {_MOST_WILDCARDS} "
                      "wildcards (*)")  # fmt: skip
    return list(filters or ())


def _encryption(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """The encryption as it is told ever after: a key by its ARN, the account's own where KMS was asked for without one."""
    kind, key = asked.get("encryptionType", "AES256"), asked.get("kmsKey")
    if kind == "AES256":
        if key is not None:
            raise invalid(
                "encryptionConfiguration",
                "Invalid encryption configuration: Encryption key should not be set for AES256 encryption.",
            )
        return {"encryptionType": kind}
    return {"encryptionType": kind, "kmsKey": _key_arn(world, key)}


def _key_arn(world: World, key: str | None) -> str:
    if key is None:
        own = uuid.uuid5(uuid.NAMESPACE_URL, world.arn("kms", "alias/aws/ecr"))  # one for each account and region
        return world.arn("kms", f"key/{own}")
    arn = arns.parse(key)
    if arn is None:
        return world.arn("kms", f"key/{key}" if _KEY_ID.fullmatch(key) else key)
    if arn.region != world.region:
        raise errors.KmsException(f"Invalid arn {arn.region}", kmsError="NotFoundException")
    return key
