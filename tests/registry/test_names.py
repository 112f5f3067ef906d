"""What may be called how; everything else is refused before it can become a path."""

from __future__ import annotations

import pytest

from ecs_emulator.registry import names

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("name", ["ab", "a1", "team/app", "a__b", "a--b", "a.b", "x/blobs/uploads/y", "a" * 256])
def test_a_repository_may_be_called(name: str) -> None:
    assert names.is_repository_name(name)


@pytest.mark.parametrize(
    "name", ["", "a", "A", "a..b", "a___b", "-a", "a-", "a/", "/a", "a//b", "../etc", "a b", "a\n", "ü", "a" * 257]
)
def test_a_repository_may_not_be_called(name: str) -> None:
    assert not names.is_repository_name(name)


@pytest.mark.parametrize(
    ("tag", "allowed"), [("latest", True), ("_1.2-x", True), ("T" * 128, True), ("T" * 129, False)]
)
def test_a_tag_has_at_most_128_characters(tag: str, allowed: bool) -> None:
    assert names.is_tag(tag) is allowed


@pytest.mark.parametrize("tag", ["", ".x", "-x", "a/b", "a:b", "a\n"])
def test_a_tag_may_not_be(tag: str) -> None:
    assert not names.is_tag(tag)


def test_a_digest_is_taken_apart_and_put_together_again() -> None:
    found = names.digest(f"sha256:{HEX}")
    assert found == names.Digest("sha256", HEX)
    assert str(found) == f"sha256:{HEX}"
    assert names.digest(f"sha512:{HEX * 2}") == names.Digest("sha512", HEX * 2)


@pytest.mark.parametrize(
    "text",
    ["", HEX, "sha256:", f"sha256:{HEX.upper()}", f"sha256:{HEX}0", f"sha512:{HEX}", f"md5:{HEX}", "sha256:../../x",
     f"sha256:{HEX}\n"],
)  # fmt: skip
def test_everything_else_is_no_digest(text: str) -> None:
    assert names.digest(text) is None


@pytest.mark.parametrize(
    ("host", "world"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com", ("123456789012", "us-east-1")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn:4566", ("123456789012", "cn-north-1")),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", ("123456789012", "us-gov-west-1")),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", ("123456789012", "eu-west-1")),
        ("localhost:4566", None),
        ("ecr.us-east-1.amazonaws.com", None),
    ],
)
def test_the_hosts_of_ecr_tell_account_and_region(host: str, world: tuple[str, str] | None) -> None:
    assert names.ecr_host(host) == world
