"""The way from AWS credentials to a docker login.

Source: GetAuthorizationToken in the ECR API reference.
"""

from __future__ import annotations

from ecs_emulator.arns import World
from ecs_emulator.ecr import resolve
from ecs_emulator.registry import tokens
from ecs_emulator.wire.call import Call, Document, Params


def get_authorization_token(call: Call, params: Params) -> Document:
    """A login of twelve hours for each registry asked for, the caller's own where none is; earlier ones stay good."""
    accounts = params.get("registryIds") or [call.world.account]
    return {"authorizationData": [_login(call, World(account, call.world.region)) for account in accounts]}


def _login(call: Call, world: World) -> Document:
    now = call.now if call.real_now is None else call.real_now
    token = tokens.issue(tokens.signing_key(call.tx), world, call.principal_arn, now)
    return {
        "authorizationToken": tokens.authorization(token),
        "expiresAt": now + tokens.VALID_SECONDS,
        "proxyEndpoint": resolve.address(call, world),
    }
