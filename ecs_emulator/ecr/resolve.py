"""Which registry and repository a request means, and at which address docker finds them."""

from __future__ import annotations

from urllib.parse import urlsplit

from ecs_emulator.arns import World, partition
from ecs_emulator.records.ecr import Repository
from ecs_emulator.registry import images, names
from ecs_emulator.wire.call import Call, Params

AWS_FORM = "aws"
"""As `--registry-host`: `<account>.dkr.ecr.<region>.amazonaws.com`, so that nothing differs from AWS."""


def registry(call: Call, params: Params) -> World:
    """The registry of `registryId`: an account in the caller's region, its own where none is named."""
    return World(params.get("registryId", call.world.account), call.world.region)


def repository(call: Call, params: Params) -> Repository:
    """The repository of `registryId` and `repositoryName`; RepositoryNotFoundException."""
    return images.repository(call.tx, registry(call, params), params["repositoryName"])


def host(call: Call, world: World) -> str:
    """The host in `repositoryUri`: by default one that every engine speaks plain HTTP to."""
    chosen = call.config.registry_host
    if chosen is None:
        return f"localhost:{urlsplit(call.endpoint).port or 80}"
    if chosen != AWS_FORM and names.ecr_host(chosen) is None:
        return chosen
    suffix = "amazonaws.com.cn" if partition(world.region) == "aws-cn" else "amazonaws.com"
    return f"{world.account}.dkr.ecr.{world.region}.{suffix}"


def address(call: Call, world: World) -> str:
    """The same as an address to log in to."""
    name = host(call, world)
    return f"https://{name}" if names.ecr_host(name) else f"http://{name}"
