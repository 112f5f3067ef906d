"""What a repository, a tag and a digest may be called: nothing becomes a path or a key before it matched here."""

from __future__ import annotations

import re
from typing import NamedTuple

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")
_ECR_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)"
)

SHORTEST_NAME, LONGEST_NAME = 2, 256


class Digest(NamedTuple):
    """`sha256:<64 hex>` or `sha512:<128 hex>`, taken apart; it can only be made by `digest()`."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def is_repository_name(text: str) -> bool:
    """`team/app`, `a__b`, `a--b`; not `A`, `a..b`, `-a`, `a/`."""
    return SHORTEST_NAME <= len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def digest(text: str) -> Digest | None:
    """The digest that this text is, or None: anything else is refused before it can name a file."""
    match = _DIGEST.fullmatch(text)
    if match is None:
        return None
    algorithm, hexadecimal = (part for part in match.groups() if part is not None)
    return Digest(algorithm, hexadecimal)


def ecr_host(host: str) -> tuple[str, str] | None:
    """Account and region of `<account>.dkr.ecr.<region>.amazonaws.com`, whichever of ECR's forms it has; else None."""
    match = _ECR_HOST.fullmatch(host.partition(":")[0].lower())
    return (match["account"], match["region"]) if match else None
