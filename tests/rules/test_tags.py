"""Tags: what ECS refuses of them, and what TagResource and UntagResource leave."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_emulator.rules import tags
from ecs_emulator.rules.errors import ClientException, InvalidParameterException


def tag(key: str | None, value: str | None = "v") -> dict[str, Any]:
    given = {"key": key, "value": value}
    return {name: text for name, text in given.items() if text is not None}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([tag(None)], "Tag key can not be null."),
        ([tag("empty", None)], "Tag value can not be null."),
        ([tag("")], "Tag key must have a length between 1 and 128."),
        ([tag("k" * 129)], "Tag key must have a length between 1 and 128."),
        ([tag("k", "v" * 257)], "Tag value must have a length between 0 and 256."),
        (
            [tag("k", "a;b")],
            "Tag keys and values may only contain letters, numbers, spaces and the characters _.:/=+-@",
        ),
        ([tag("AWS:team")], "Tag keys/values with prefix 'aws:' are reserved"),
        ([tag("team", "aws:x")], "Tag keys/values with prefix 'aws:' are reserved"),
        ([tag("a"), tag("a", "w")], "Duplicate tag keys are not allowed."),
        ([tag(f"k{n}") for n in range(51)], "The maximum number of tags per resource is 50."),
    ],
)
@pytest.mark.parametrize("error", [InvalidParameterException, ClientException])
def test_a_wrong_tag_is_refused_with_the_error_of_its_resource(asked: Any, message: str, error: Any) -> None:
    with pytest.raises(error) as refused:
        tags.checked(asked, error)
    assert refused.value.message == message


def test_tags_keep_their_order_and_their_case() -> None:
    asked = [tag("b", ""), tag("Case"), tag("case"), tag("größe", "50 m² – no: 50 m")][:3]
    assert tags.document(tags.checked(asked)) == [
        {"key": "b", "value": ""},
        {"key": "Case", "value": "v"},
        {"key": "case", "value": "v"},
    ]


def test_letters_and_numbers_of_every_script_are_allowed() -> None:
    assert tags.checked([tag("größe", "五 ٣")]) == {"größe": "五 ٣"}


def test_tagging_merges_and_a_known_key_keeps_its_place() -> None:
    assert list(tags.merged({"a": "1", "b": "2"}, [tag("c", "3"), tag("a", "9")]).items()) == [
        ("a", "9"),
        ("b", "2"),
        ("c", "3"),
    ]


def test_tags_of_aws_do_not_count_and_cannot_be_taken_away() -> None:
    managed = {"aws:ecs:clusterName": "default", **{f"k{n}": "v" for n in range(49)}}
    assert len(tags.merged(managed, [tag("one more")])) == 51
    with pytest.raises(InvalidParameterException, match="The maximum number of tags per resource is 50"):
        tags.merged(managed, [tag("one more"), tag("two more")])
    with pytest.raises(InvalidParameterException, match="reserved"):
        tags.without(managed, ["aws:ecs:clusterName"])


def test_untagging_passes_over_what_is_not_there() -> None:
    assert tags.without({"a": "1", "b": "2"}, ["b", "never"]) == {"a": "1"}
