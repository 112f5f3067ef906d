"""Who may enter `/v2/`, and into which world: the token of `docker login` says it, nothing else is asked."""

from __future__ import annotations

from ecs_emulator.arns import World
from ecs_emulator.clock import Clock
from ecs_emulator.http import hosts
from ecs_emulator.http.oci_refusals import Refusal
from ecs_emulator.registry import names, tokens
from ecs_emulator.registry.tokens import Grant


class Entrance:
    """Reads the Authorization header of a request. Lives as long as the server."""

    def __init__(
        self, signing_key: bytes, clock: Clock, anonymous: World | None = None, allowed_hosts: tuple[str, ...] = ()
    ) -> None:
        """`anonymous` is the world that requests without credentials are in; without one they are turned away."""
        self._key = signing_key
        self._clock = clock
        self._anonymous = anonymous
        self._guard = hosts.Guard(allowed_hosts)

    def admit(self, authorization: str | None, host: str | None) -> Grant:
        """Whom a request is for; a host of ECR's own form says which registry it means, else its token does."""
        meant = names.ecr_host(host or "")
        if meant is None and not self._guard.admits(host or "localhost"):
            raise Refusal(403, "DENIED", "This Host is not allowed; see --allowed-hosts.")
        grant = self._grant(authorization, host)
        return Grant(World(*meant), grant.principal_arn) if meant else grant

    def _grant(self, authorization: str | None, host: str | None) -> Grant:
        scheme, _, credentials = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            if self._anonymous is not None and not authorization:
                return Grant(self._anonymous, self._anonymous.root_arn)
            raise _challenge(host)
        token = tokens.password(credentials.strip())
        grant = None if token is None else tokens.read(self._key, token, self._clock.now())
        if grant is None:
            raise Refusal(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        return grant


def _challenge(host: str | None) -> Refusal:
    """Docker sends no credentials unless it is asked for them this way."""
    realm = f'Basic realm="http://{host or "localhost"}/",service="ecr.amazonaws.com"'
    return Refusal(401, "UNAUTHORIZED", "Not Authorized", [("Www-Authenticate", realm)], plain=True)
