"""A login is a signed sentence: this account, this region, this principal, until then; nothing else is stored."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass

from ecs_emulator.arns import World
from ecs_emulator.clock import Instant
from ecs_emulator.records.settings import Fact
from ecs_emulator.store import Store, Transaction

USER = "AWS"
VALID_SECONDS = 43_200.0

_KEY = "registry-signing-key"


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom a token stands for."""

    world: World
    principal_arn: str


def ensure_signing_key(store: Store) -> bytes:
    """The key that all tokens are signed with; made at the first start, kept with the data. Called before serving."""
    with store.transaction() as tx:
        if tx.get(Fact, _KEY) is None:
            tx.put(Fact(_KEY, secrets.token_hex(32)))
        return signing_key(tx)


def signing_key(tx: Transaction) -> bytes:
    fact = tx.get(Fact, _KEY)
    if fact is None:
        raise RuntimeError("the registry's signing key is made at start, and is not there")
    return bytes.fromhex(fact.value)


def issue(key: bytes, world: World, principal_arn: str, now: Instant) -> str:
    """A new password for the user `AWS`, good for twelve hours."""
    claims = [world.account, world.region, principal_arn, now + VALID_SECONDS, secrets.token_hex(8)]
    sentence = _encoded(json.dumps(claims, separators=(",", ":")).encode())
    return f"{sentence}.{_signature(key, sentence)}"


def read(key: bytes, token: str, now: Instant) -> Grant | None:
    """Whom this token stands for; None when it was not issued here, or is no longer good."""
    sentence, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, sentence).encode()):
        return None
    account, region, principal_arn, expires_at, _ = json.loads(_decoded(sentence))
    return Grant(World(account, region), principal_arn) if now < expires_at else None


def authorization(token: str) -> str:
    """What follows `Basic` in a header, and what GetAuthorizationToken answers."""
    return base64.b64encode(f"{USER}:{token}".encode()).decode()


def password(authorization: str) -> str | None:
    """The token in what follows `Basic`; None when that is no login of the user `AWS`."""
    try:
        user, colon, token = base64.b64decode(authorization, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return token if colon and user == USER else None


def pull_login(tx: Transaction, world: World, now: Instant) -> tuple[str, str]:
    """User and password with which the emulator itself has the engine pull for this account and region."""
    return USER, issue(signing_key(tx), world, world.root_arn, now)


def _signature(key: bytes, sentence: str) -> str:
    return _encoded(hmac.digest(key, sentence.encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
