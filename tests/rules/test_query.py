"""Every documented example of the cluster query language, and every way to write it wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecs_emulator.rules.query import NotAnExpression, Subject, parse

JANUARY_2018 = 1514851200.0  # 2018-01-02T00:00:00Z

X = Subject(
    attributes={
        "ecs.instance-type": "t2.small",
        "ecs.availability-zone": "us-east-1a",
        "stack": "prod",
        "rack": "9",
        "room": "two words",
        "ecs.capability.task-eni": None,
    },
    agent_connected=True,
    agent_version="1.14.3",
    ec2_instance_id="i-abcd1234",
    registered_at=JANUARY_2018,
    running_tasks_count=1,
    groups=("service:production", "family:cron"),
)

EXAMPLES = [
    ("attribute:ecs.instance-type == t2.small", True),
    ("attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone == us-east-1a", True),
    ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", True),
    ("attribute:ecs.availability-zone !in [us-east-1a]", False),
    ("attribute:stack exists", True),
    ("attribute:foo not_exists", True),
    ("attribute:stack != prod", False),
    ("task:group == service:production", True),
    ("not(task:group == database)", True),
    ("(attribute:stack == dev or runningTasksCount == 1) and agentVersion < 1.14.5", True),
    ("registeredAt < 2018-02-13", True),
    ("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", True),
    ("!(attribute:stack == prod) || agentConnected == true", True),
    # operators spelled as words
    ("attribute:stack equals prod", True),
    ("attribute:stack not_equals prod", False),
    ("runningTasksCount greater_than 0", True),
    ("runningTasksCount greater_than_equal 1", True),
    ("runningTasksCount less_than 1", False),
    ("runningTasksCount less_than_equal 1", True),
    ("attribute:ecs.instance-type matches t2.*", True),
    ("attribute:ecs.instance-type not_matches t2.*", False),
    ("attribute:stack not_in [dev, test]", True),
    ("attribute:stack !exists", False),
    # blanks are optional around symbols
    ("attribute:stack==prod&&runningTasksCount>=1", True),
    ("attribute:stack!=dev||agentConnected!=true", True),
    ("attribute:stack in[dev,prod]", True),
    ("  attribute:stack   ==   prod  ", True),
    # not binds tighter than and, and tighter than or
    ("attribute:stack == dev and attribute:stack == dev or attribute:stack == prod", True),
    ("attribute:stack == prod or attribute:stack == dev and attribute:stack == dev", True),
    ("not attribute:stack == dev and attribute:stack == prod", True),
    ("not not attribute:stack == prod", True),
    ("!attribute:stack == dev", True),
    # values: exact, case-sensitive, quoted or escaped where they have blanks
    ("attribute:stack == Prod", False),
    ("attribute:room == 'two words'", True),
    ('attribute:room == "two words"', True),
    (r"attribute:room == two\ words", True),
    ("attribute:room in ['two words', other]", True),
    ("attribute:ecs.instance-type == 't2.*'", False),
    # a pattern must match the whole value
    ("attribute:ecs.instance-type =~ 2.s", False),
    ("attribute:ecs.instance-type =~ t[23].small", True),
    ("attribute:ecs.instance-type =~ '(t2|m4).*'", True),
    (r"attribute:ecs.instance-type =~ t\d\.s.{1,4}", True),
    ("attribute:ecs.instance-type !~ m4.*", True),
    # what is missing satisfies only the negative form
    ("attribute:foo == bar", False),
    ("attribute:foo != bar", True),
    ("attribute:foo in [bar]", False),
    ("attribute:foo !in [bar]", True),
    ("attribute:foo =~ .*", False),
    ("attribute:foo !~ .*", True),
    ("attribute:foo > 1", False),
    # an attribute without a value exists and equals nothing
    ("attribute:ecs.capability.task-eni exists", True),
    ("attribute:ecs.capability.task-eni == x", False),
    ("attribute:ecs.capability.task-eni =~ .*", False),
    # numbers as numbers, anything else as text
    ("attribute:rack < 10", True),
    ("attribute:rack < 10a", False),
    ("attribute:stack > dev", True),
    # versions by their parts
    ("agentVersion > 1.9", True),
    ("agentVersion == 1.14.3.0", True),
    ("agentVersion != 1.14.3", False),
    ("agentVersion >= v1.14.3", True),
    # dates in their four forms
    ("registeredAt >= 2018-01-02", True),
    ("registeredAt == 2018-01-02T00:00:00", True),
    ("registeredAt > 2018-01-01T22:28:28+00:00", True),
    ("registeredAt < 2018-01-02T00:00:01Z", True),
    ("registeredAt == 2018-01-02T01:00:00+01:00", True),
    ("attribute:ecs.instance-type =~ '(t2|m5).(small|large)'", True),
    ("attribute:ecs.instance-type =~ '(t[0-9]|m5)\\.[a-z]+'", True),
    # sets of groups
    ("task:group != service:production", False),
    ("task:group in [database, family:cron]", True),
    ("task:group =~ service:.*", True),
    ("task:group exists", True),
    ("agentConnected == false", False),
    ("agentConnected in [true, false]", True),
    ("ec2InstanceId =~ i-abcd.*", True),
]


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_instance_x_answers_every_example(expression: str, expected: bool) -> None:
    assert parse(expression)(X) is expected


NONSENSE = [
    "",
    "   ",
    "prod",
    "attribute: == prod",
    "attribute:stack",
    "attribute:stack ==",
    "attribute:stack = prod",
    "attribute:stack == two words",
    "attribute:stack == prod and",
    "and attribute:stack == prod",
    "attribute:stack == prod attribute:rack == 9",
    "(attribute:stack == prod",
    "attribute:stack == prod)",
    "attribute:stack == (prod)",
    "attribute:stack in prod",
    "attribute:stack in []",
    "attribute:stack in [prod",
    "attribute:stack in [prod,]",
    "attribute:stack existsnot",
    "attribute:stack exists prod",
    "attribute:stack == 'prod",
    "attribute:ecs.instance-type =~ '*'",
    "attribute:ecs.instance-type =~ 'a{99999999999}'",
    "attribute:ecs.instance-type =~ '(t+)+2'",
    "attribute:ecs.instance-type =~ '((t|t)2)*'",
    "attribute:ecs.instance-type =~ '[[a-z]]+'",
    "agentVersion =~ 1.*",
    "agentVersion < new",
    "agentVersion exists",
    "agentConnected == maybe",
    "agentConnected < true",
    "registeredAt < yesterday",
    "registeredAt < 2018-13-01",
    "registeredAt < 2018-1-1",
    "runningTasksCount > many",
    "runningTasksCount in [1, 2]",
    "task:group > a",
    "unknownSubject == 1",
    "not",
    "!",
    "(" * 1000,
    "not " * 1000,
    "attribute:stack == prod, dev",
    "attribute:stack === prod",
]


@pytest.mark.parametrize("expression", NONSENSE, ids=[text[:40] or "nothing" for text in NONSENSE])
def test_what_is_not_an_expression_is_refused_where_it_is_read(expression: str) -> None:
    with pytest.raises(NotAnExpression):
        parse(expression)


def test_the_refusal_says_where_the_text_stops_making_sense() -> None:
    with pytest.raises(NotAnExpression, match="expected an operator at position 16, found: = prod"):
        parse("attribute:stack = prod")


def test_an_instance_without_a_readable_agent_version_satisfies_only_the_contrary() -> None:
    unknown = replace(X, agent_version="")
    assert not parse("agentVersion < 9")(unknown)
    assert not parse("agentVersion >= 0")(unknown)
    assert parse("agentVersion != 1.0")(unknown)


def test_a_long_chain_of_terms_is_read_without_recursion() -> None:
    assert parse(" or ".join(["attribute:stack == dev"] * 3000 + ["attribute:stack == prod"]))(X)
