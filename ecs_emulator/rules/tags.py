"""Tags are words that users hang on anything; ECS reads none of them, and keeps the prefix `aws:` for itself.

Source: Tag, TagResource and UntagResource in the ECS API reference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.wire.errors import AwsError

MOST = 50
LONGEST_KEY = 128
LONGEST_VALUE = 256
RESERVED = "aws:"
_PLAIN = re.compile(r"[A-Za-z0-9 _.:/=+\-@]*")


def checked(asked: Sequence[Mapping[str, Any]], error: type[AwsError] = InvalidParameterException) -> dict[str, str]:
    """A request's `tags` as a mapping in their order, each held against every rule; `error` is the resource's own.

    Task definitions refuse with ClientException, everything else with InvalidParameterException.
    """
    tags: dict[str, str] = {}
    for tag in asked:
        key, value = tag.get("key"), tag.get("value")
        if message := _refused(key, value, tags):
            raise error(message)
        tags[str(key)] = str(value)
    _count(tags, error)
    return tags


def _refused(key: str | None, value: str | None, before: Mapping[str, str]) -> str | None:
    """What is wrong with one tag beside those before it; the first that applies."""
    if key is None:
        return "Tag key can not be null."
    if value is None:
        return "Tag value can not be null."
    if not 1 <= len(key) <= LONGEST_KEY:
        return f"Tag key must have a length between 1 and {LONGEST_KEY}."
    if len(value) > LONGEST_VALUE:
        return f"Tag value must have a length between 0 and {LONGEST_VALUE}."
    if not (_allowed(key) and _allowed(value)):
        return "Tag keys and values may only contain letters, numbers, spaces and the characters _.:/=+-@"
    if is_reserved(key) or is_reserved(value):
        return "Tag keys/values with prefix 'aws:' are reserved"
    if key in before:
        return "Duplicate tag keys are not allowed."
    return None


def _allowed(text: str) -> bool:
    """The model's pattern: any letter, separator or number of Unicode, and `_.:/=+-@`."""
    if _PLAIN.fullmatch(text):
        return True
    return all(sign in "_.:/=+-@" or unicodedata.category(sign)[0] in "LZN" for sign in text)


def is_reserved(text: str) -> bool:
    return text[: len(RESERVED)].lower() == RESERVED


def _count(tags: Mapping[str, str], error: type[AwsError]) -> None:
    """The tags of AWS's own do not count."""
    if sum(not is_reserved(key) for key in tags) > MOST:
        raise error(f"The maximum number of tags per resource is {MOST}.")


def merged(
    present: Mapping[str, str],
    asked: Sequence[Mapping[str, Any]],
    error: type[AwsError] = InvalidParameterException,
) -> dict[str, str]:
    """What TagResource leaves: a key that was there keeps its place and takes the new value."""
    tags = {**present, **checked(asked, error)}
    _count(tags, error)
    return tags


def without(
    present: Mapping[str, str], keys: Iterable[str], error: type[AwsError] = InvalidParameterException
) -> dict[str, str]:
    """What UntagResource leaves; keys that are not there are passed over, AWS's own may not be named."""
    gone = set(keys)
    if any(map(is_reserved, gone)):
        raise error("Tag keys/values with prefix 'aws:' are reserved")
    return {key: value for key, value in present.items() if key not in gone}


def document(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as every response lists them: in the order in which they came."""
    return [{"key": key, "value": value} for key, value in tags.items()]
