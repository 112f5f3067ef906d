"""Whatever is written, the cluster query language reads it or says where it stops; what it reads it answers, and soon."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecs_emulator.rules import placement
from ecs_emulator.rules.errors import InvalidParameterException
from ecs_emulator.rules.query import NotAnExpression, Subject, parse

X = Subject(
    attributes={"ecs.instance-type": "t2.small", "stack": "prod", "long": "a" * 16, "bare": None},
    agent_version="1.14.3",
    ec2_instance_id="i-0123456789abcdef0",
    registered_at=1_514_851_200.0,
    running_tasks_count=1,
    groups=("service:production",),
)
WORDS = st.sampled_from(
    [
        "attribute:stack", "attribute:long", "attribute:bare", "agentVersion", "agentConnected", "registeredAt", "task:group",
        "runningTasksCount", "ec2InstanceId", "==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in", "!in", "not_in", "exists",
        "not_exists", "and", "or", "&&", "||", "not", "!", "(", ")", "[", "]", ",", "'", '"', "\\", "prod", "1.14.3", "2018-01-02",
        "true", "12", "i-0123456789abcdef0", "service:production", ".*", "(a+)+", "[a-z]+", "a{2,}", "{1,2}", "^", "$", "?", "équipe",
    ]
)  # fmt: skip
SENTENCES = st.lists(WORDS, max_size=14).map(" ".join)
SQUEEZED = st.lists(WORDS, max_size=14).map("".join)
PATTERNS = st.text(alphabet="ab[]()|.*+?{}\\^$&-~1,:", max_size=24).map(lambda text: f"attribute:long =~ '{text}'")


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=60), SENTENCES, SQUEEZED, PATTERNS))
@example("attribute:long =~ [[a]")
@example("attribute:long =~ '[a--b]'")
@example("attribute:long =~ '(a+)+b'")
@example("attribute:long =~ '((a*)*)*b'")
@example("attribute:long =~ '(?i'")
@example("attribute:long =~ '((a|a)b?)*c'")
def test_any_text_is_an_expression_with_an_answer_or_is_refused(text: str) -> None:
    try:
        predicate = parse(text)
    except NotAnExpression:
        with pytest.raises(InvalidParameterException):
            placement.constraints([{"type": "memberOf", "expression": text}])
        return
    assert predicate(X) in (True, False)
    assert predicate(Subject()) in (True, False)


SIMPLE = st.sampled_from(
    [
        ("attribute:stack == prod", True),
        ("attribute:stack != prod", False),
        ("attribute:gone exists", False),
        ("attribute:stack in [dev, prod]", True),
        ("agentVersion < 1.14.5", True),
        ("runningTasksCount > 1", False),
        ("task:group == service:production", True),
        ("attribute:ecs.instance-type =~ t2.*", True),
    ]
)
Known = tuple[str, bool]


def _joined(parts: st.SearchStrategy[Known]) -> st.SearchStrategy[Known]:
    return st.one_of(
        st.tuples(parts, parts, st.sampled_from(["and", "&&"])).map(
            lambda each: (f"({each[0][0]}) {each[2]} ({each[1][0]})", each[0][1] and each[1][1])
        ),
        st.tuples(parts, parts, st.sampled_from(["or", "||"])).map(
            lambda each: (f"({each[0][0]}) {each[2]} ({each[1][0]})", each[0][1] or each[1][1])
        ),
        st.tuples(parts, st.sampled_from(["not", "!", "not "])).map(
            lambda each: (f"{each[1]}({each[0][0]})", not each[0][1])
        ),
    )


@settings(max_examples=200, deadline=None)
@given(st.recursive(SIMPLE, _joined, max_leaves=8))
def test_what_is_put_together_means_what_its_parts_mean(known: Known) -> None:
    text, expected = known
    assert parse(text)(X) is expected
