"""Every identifier comes from the stream of its kind, so that a seeded run names the same things the same way."""

from __future__ import annotations

import random
import uuid

_NANO = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class Ids:
    """Identifiers in AWS's forms, one random stream per kind: a new kind of thing never renames the others.

    Lives as long as the process. Without a seed each stream is seeded by the operating system.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, kind: str) -> random.Random:
        """The random stream of one kind of thing; also what placement draws from."""
        found = self._streams.get(kind)
        if found is None:
            fresh = random.Random() if self._seed is None else random.Random(f"{self._seed}/{kind}")
            found = self._streams.setdefault(kind, fresh)
        return found

    def hex32(self, kind: str) -> str:
        """32 lower-case hexadecimal digits, as in task and container instance ARNs."""
        return f"{self.stream(kind).getrandbits(128):032x}"

    def hex17(self, kind: str) -> str:
        """17 lower-case hexadecimal digits, as in `i-…` and `eni-…`."""
        return f"{self.stream(kind).getrandbits(68):017x}"

    def uuid(self, kind: str) -> str:
        """A version 4 UUID of 36 characters."""
        return str(uuid.UUID(int=self.stream(kind).getrandbits(128), version=4))

    def digits(self, kind: str, count: int = 19) -> str:
        """Decimal digits, zero padded, as in `ecs-svc/0768736368444990411`."""
        return f"{self.stream(kind).randrange(10**count):0{count}d}"

    def nano(self, kind: str, count: int = 21) -> str:
        """Characters of `[A-Za-z0-9_-]`, as service deployment ARNs end."""
        return "".join(self.stream(kind).choices(_NANO, k=count))
