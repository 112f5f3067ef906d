"""Tokens: read by whom they were issued, for twelve hours, and by nobody else."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ecs_emulator.arns import World
from ecs_emulator.registry import tokens
from ecs_emulator.registry.tokens import Grant
from ecs_emulator.store import Store

WORLD = World("123456789012", "eu-west-1")
PRINCIPAL = "arn:aws:iam::123456789012:user/x"
NOW = 1_000_000.0
KEY = b"k" * 32


def test_a_token_tells_account_region_and_principal_for_twelve_hours() -> None:
    token = tokens.issue(KEY, WORLD, PRINCIPAL, NOW)
    assert tokens.read(KEY, token, NOW) == Grant(WORLD, PRINCIPAL)
    assert tokens.read(KEY, token, NOW + 43_199) == Grant(WORLD, PRINCIPAL)
    assert tokens.read(KEY, token, NOW + 43_200) is None


def test_every_token_is_a_new_one_and_older_ones_stay_good() -> None:
    first, second = (tokens.issue(KEY, WORLD, PRINCIPAL, NOW) for _ in range(2))
    assert first != second
    assert tokens.read(KEY, first, NOW) == tokens.read(KEY, second, NOW)


def test_a_token_of_another_key_or_a_changed_one_is_none() -> None:
    token = tokens.issue(KEY, WORLD, PRINCIPAL, NOW)
    sentence, _, signature = token.partition(".")
    forged = base64.urlsafe_b64encode(b'["999999999999","eu-west-1","x",9e99,""]').rstrip(b"=").decode()
    for wrong in ("", ".", "x", sentence, f"{sentence}.", f"{forged}.{signature}", f"{token}x", "ü.ü"):
        assert tokens.read(KEY, wrong, NOW) is None
    assert tokens.read(b"other" * 8, token, NOW) is None


def test_the_authorization_is_a_login_of_the_user_aws() -> None:
    authorization = tokens.authorization("secret")
    assert base64.b64decode(authorization) == b"AWS:secret"
    assert tokens.password(authorization) == "secret"


@pytest.mark.parametrize("login", [b"AWS", b"root:secret", b"\xff\xff:x"])
def test_another_login_is_none(login: bytes) -> None:
    assert tokens.password(base64.b64encode(login).decode()) is None
    assert tokens.password("no base64!") is None


def test_the_key_is_kept_with_the_data(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = tokens.ensure_signing_key(store)
    assert len(key) == 32
    assert tokens.ensure_signing_key(store) == key
    with store.snapshot() as tx:
        user, password = tokens.pull_login(tx, WORLD, NOW)
    assert user == "AWS"
    assert tokens.read(key, password, NOW) == Grant(WORLD, WORLD.root_arn)
    store.close()
