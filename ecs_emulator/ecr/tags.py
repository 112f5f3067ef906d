"""Tags on repositories, the one thing of ECR that carries them.

Source: TagResource, UntagResource and ListTagsForResource in the ECR API reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ecs_emulator import arns
from ecs_emulator.arns import World
from ecs_emulator.ecr.constraints import invalid
from ecs_emulator.ecr.errors import InvalidTagParameterException, TooManyTagsException
from ecs_emulator.records.ecr import Repository
from ecs_emulator.registry import images
from ecs_emulator.wire.call import Call, Document, Params

_MOST = 50
_LONGEST_KEY = 128
_LONGEST_VALUE = 256
_RESERVED = "aws:"


def tag_resource(call: Call, params: Params) -> Document:
    """More tags on a repository; a key that is there takes the new value."""
    repository = _repository(call, params["resourceArn"])
    call.put(replace(repository, tags=_few({**repository.tags, **checked(params["tags"])})))
    return {}


def untag_resource(call: Call, params: Params) -> Document:
    """Without these keys; one that is not there is no error."""
    repository = _repository(call, params["resourceArn"])
    gone = set(params["tagKeys"])
    call.put(replace(repository, tags={key: value for key, value in repository.tags.items() if key not in gone}))
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Document:
    """The tags, in the order of their keys."""
    repository = _repository(call, params["resourceArn"])
    return {"tags": [{"Key": key, "Value": value} for key, value in sorted(repository.tags.items())]}


def checked(asked: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A request's tags as a mapping, each held against ECR's rules. InvalidTagParameterException, TooManyTagsException."""
    tags: dict[str, str] = {}
    for each in asked:
        key, value = each["Key"], each["Value"]
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise InvalidTagParameterException(f"Tag key must have a length between 1 and {_LONGEST_KEY}")
        if len(value) > _LONGEST_VALUE:
            raise InvalidTagParameterException(f"Tag value must have a length between 0 and {_LONGEST_VALUE}")
        if key.lower().startswith(_RESERVED):
            raise InvalidTagParameterException(f"Tag keys starting with '{_RESERVED}' are reserved for AWS use")
        if key in tags:
            raise InvalidTagParameterException(f"Duplicate tag key '{key}'")
        tags[key] = value
    return _few(tags)


def _few(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MOST:
        raise TooManyTagsException(f"The repository can have at most {_MOST} tags")
    return tags


def _repository(call: Call, resource_arn: str) -> Repository:
    arn = arns.parse(resource_arn)
    kind, _, name = arn.resource.partition("/") if arn else ("", "", "")
    if arn is None or arn.service != "ecr" or kind != "repository" or not name:
        raise invalid("resourceArn", "Invalid ARN")
    return images.repository(call.tx, World(arn.account, arn.region), name)
