"""A namespace is known from the first cluster or service that names it: there is no Cloud Map here to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Namespace:
    """Lives for good: what named it may go, as a namespace of Cloud Map does not go with its services."""

    KEY: ClassVar = ("arn",)
    INDEXES: ClassVar = ()

    arn: str
    account: str
    region: str
