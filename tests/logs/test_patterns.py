"""Filter patterns, row by row as CloudWatch Logs was recorded to read them."""

from __future__ import annotations

import pytest

from ecs_emulator.logs import patterns

TEXT = [
    ("", ["", " ", "anything"], []),
    ("ERROR", ["an ERROR", "TERROR", "[ERROR]", "ERROR_ARGUMENTS", "a\nERROR\nb"], ["error", "ERR\nOR"]),
    ("ERROR ARGUMENTS", ["ARGUMENTS then ERROR"], ["ERROR", "ARGUMENTS"]),
    ("?ERROR ?ARGUMENTS", ["ERROR", "ARGUMENTS"], ["REQUEST"]),
    ("?ERROR ?ARGUMENTS REQUEST", ["REQUEST"], ["ERROR ARGUMENTS"]),
    ("?ERROR ?ARGUMENTS -REQUEST", ["nothing", " ", "ERROR"], ["ERROR REQUEST"]),
    ("ERROR -ARGUMENTS", ["ERROR"], ["ERROR ARGUMENTS", "else"]),
    ('" "', ["a b"], ["ab"]),
    ('"hello-world"', ["say hello-world"], ["hello world"]),
    ('ERROR -"BAD REQUEST"', ["ERROR BAD"], ["ERROR BAD REQUEST"]),
    (r'"say \"hi\""', ['say "hi"'], ["say hi"]),
    (r"%^ERROR\s[0-9]{3}$%", ["ERROR 404", "ERROR\n404"], ["ERROR 40", "an ERROR 404"]),
    ("%ERROR|WARN%", ["WARN", "ERROR"], ["INFO"]),
]

JSON = [
    ('{ $.v = "Alpha*" }', ['{"v": "Alphabet"}'], ['{"v": "alpha"}', '{"w": 1}', "Alpha", '["Alpha"]', '{"v": ']),
    ('{ $.v = "*bet" }', ['{"v": "Alphabet"}'], ['{"v": "Alphabets"}']),
    ('{ $.v = "*pha*" }', ['{"v": "Alphabet"}'], ['{"v": "Alp"}']),
    ('{ $.v = "Alph?" }', ['{"v": "Alph?"}'], ['{"v": "Alpha"}']),
    ("{ $.v = %^Al.*% }", ['{"v": "Alpha"}'], ['{"v": "an Alpha"}']),
    ("{ $.v = %pha% }", ['{"v": "Alpha"}'], ['{"v": "beta"}']),
    ('{ $.v = "" }', ['{"v": ""}'], ['{"v": " "}', "{}"]),
    ("{ $.v IS NULL }", ['{"v": null}', '{"v": [1, null]}'], ["{}", '{"v": 0}']),
    ("{ $.nested.value IS NULL }", ['{"nested": {"value": null}}'], ['{"nested": null}', "{}"]),
    ("{ $.v NOT EXISTS }", ["{}", '{"w": 1}'], ['{"v": null}', "text", "[]"]),
    (
        "{ $.nested.value NOT EXISTS }",
        ["{}", '{"nested": null}', '{"nested": [{"value": 1}]}'],
        ['{"nested": {"value": 1}}'],
    ),
    ("{ $.v = 2 }", ['{"v": 1, "v": 2}'], ['{"v": 2, "v": 1}']),
    ("{ $.v = 1 }", ['{"v": 1}', '{"v": 1.0}', '{"v": 1e0}', '{"v": "1"}'], ['{"v": "1.0"}', '{"v": true}', "{}"]),
    (
        "{ $.v != 1 }",
        ['{"v": 2}', '{"v": "x"}', '{"v": "1.0"}'],
        ["{}", '{"v": null}', '{"v": false}', '{"v": [2]}', '{"v": {}}', '{"v": 1}'],
    ),
    ("{ $.v > 1 }", ['{"v": 1.5}'], ['{"v": 1}', '{"v": "10"}', '{"v": true}']),
    ('{ $.v = "1" }', ['{"v": 1}', '{"v": "1"}'], ['{"v": 1.0}']),
    ("{ $.v IS TRUE }", ['{"v": true}'], ['{"v": "true"}', '{"v": 1}', '{"v": false}']),
    ("{ $.v IS FALSE }", ['{"v": false}'], ['{"v": 0}', '{"v": null}']),
    ("{ $.v = * }", ['{"v": ""}', '{"v": 0}'], ['{"v": null}', '{"v": true}', '{"v": []}', '{"v": {}}', "{}"]),
    ("{ $.v = true }", ['{"v": "true"}'], ['{"v": true}']),
    ('{ $.* = "hit" }', ['{"a": 1, "b": "hit"}'], ['{"a": {"b": "hit"}}']),
    (
        '{ $.arr[*] = "hit" }',
        ['{"arr": ["x", "hit"]}', '{"arr": {"a": "hit"}}'],
        ['{"arr": [["hit"]]}', '{"arr": "hit"}'],
    ),
    ('{ $.items[*].a = "hit" }', ['{"items": [{"b": 1}, {"a": "hit"}]}'], ['{"items": {"a": "hit"}}']),
    ("{ $.arr[1] = 2 }", ['{"arr": [1, 2]}'], ['{"arr": [2]}', '{"arr": {"1": 2}}']),
    ("{ $.matrix[0][1] = 1 }", ['{"matrix": [[0, 1]]}'], ['{"matrix": [0, 1]}']),
    ("{ $.cluster.name = a }", ['{"cluster": {"name": "a"}}'], ['{"cluster.name": "a"}']),
    ("{ $.['cluster.name'] = a }", ['{"cluster.name": "a"}'], ['{"cluster": {"name": "a"}}']),
    ("{ $.a = 1 || $.b = 1 && $.c = 1 }", ['{"a": 1}', '{"b": 1, "c": 1}'], ['{"b": 1}', '{"c": 1}']),
    ("{ ($.a = 1 || $.b = 1) && $.c = 1 }", ['{"a": 1, "c": 1}'], ['{"a": 1}']),
    ("{($.a=1)}", ['{"a": 1}'], ['{"a": 2}']),
    (
        "{ $.a[*] = 1 && $.a[*] = 2 }",
        ['{"a": [1, 2]}'],
        ['{"a": [1]}'],
    ),
]

LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
FIELDS = [
    ("[ip, identity, user, timestamp, request, status >= 400, bytes > 1000]", [LINE], [LINE + " extra"]),
    ("[ip, identity, user, timestamp, request, status = 4*, bytes]", [LINE, LINE + " extra"], [LINE[:40]]),
    ("[ip, identity, user, timestamp = 10/Oct/2000*, request = *index*, status, bytes]", [LINE], []),
    ("[..., request = *html*, status, bytes]", [LINE], ["a b"]),
    ("[ip = 127.0.0.1, ...]", [LINE, "127.0.0.1"], ["10.0.0.1 -"]),
    ("[ip, ..., bytes = 1534]", [LINE], [LINE + " extra"]),
    ("[w1=ERROR, w2]", ["ERROR request failed", "ERROR  \t x", 'ERROR "open'], ["ERROR", "WARN x"]),
    ("[w1!=ERROR && w1!=WARNING, w2]", ["INFO x"], ["ERROR x", "WARNING x"]),
    ("[w1=ERROR || w1=WARNING, w2]", ["ERROR x", "WARNING x"], ["INFO x"]),
    ("[w1, w2=request]", ["x request"], ["x request failed"]),
    ('[w1, w2="two words"]', ['x "two words"', "x two words"], ['x "two"']),
    ("[code = 200]", ["200", "200.0"], ["2000"]),
    ("[code != %^5%]", ["200"], ["500"]),
]


@pytest.mark.parametrize(("pattern", "matching", "others"), [*TEXT, *JSON, *FIELDS])
def test_a_pattern_matches_what_aws_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    matches = patterns.compiled(pattern)
    assert [message for message in matching if not matches(message)] == []
    assert [message for message in others if matches(message)] == []


INVALID, INVALID_METRIC = "Invalid filter pattern", "Invalid metric filter pattern"
REFUSED = [
    ("{ $.v EXISTS }", INVALID, INVALID_METRIC),
    ("{ $.v == 1 }", INVALID, INVALID_METRIC),
    ("{ $.v IS NOT NULL }", INVALID, "Invalid character(s) in term 'NOT'"),
    ('{ "v": [1] }', "Invalid character(s) in term ':'", None),
    (
        "{ $.a[*].b[*] = 1 }",
        "Your filter pattern has a JSON path selector that exceeds "
        "the maximum of 1 wildcard allowed per json selector.",
        None,
    ),
    (
        "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.* = 1 }",
        "Your input has exceeded the maximum of 3 JSON wildcard selectors allowed per filter pattern.",
        None,
    ),
    ("{ !($.v = 1) }", "Invalid character(s) in term '!('", None),
    ("{ $..x = 1 }", "Invalid character(s) in term '$..'", None),
    ("{ $.v[-1] = 1 }", "Invalid character(s) in term '[-'", None),
    ("{ $.v[0:2] = 1 }", "Invalid character(s) in term '[0:'", None),
    ('{ $.v > "Alpha" }', "Invalid character(s) in term '\"Alpha\"'", None),
    ("{ $.v = %(a|b)% }", "Invalid character(s) in term '%('", None),
    ("{ $.v = null }", INVALID, INVALID_METRIC),
    ("{ $.v = 1", INVALID, INVALID_METRIC),
    ("{ " + "(" * 400 + "$.v = 1" + ")" * 400 + " }", INVALID, INVALID_METRIC),
    ("{ $.a = %a% || $.b = %b% || $.c = %c% }", INVALID, INVALID_METRIC),
    ("ERR*", "Invalid character(s) in term '*'", None),
    ("%^(ERROR|WARN)%", "Invalid character(s) in term '%^('", None),
    ("%hello!%", "Invalid character(s) in term '%hello!'", None),
    ("%café%", "Invalid character(s) in term '%café'", None),
    ("%ERROR(x)%", "Invalid character(s) in term '%ERROR('", None),
    ("%[abc%", "Failed to compile regular expression.", None),
    ("[a, ..., b, ...]", INVALID, INVALID_METRIC),
    ("[]", INVALID, INVALID_METRIC),
    ("[a,]", INVALID, INVALID_METRIC),
    ("[a > x]", INVALID, INVALID_METRIC),
    ("[a=1 && b=2]", INVALID, INVALID_METRIC),
    ("[a", INVALID, INVALID_METRIC),
]


@pytest.mark.parametrize(("pattern", "text", "in_metric_filter"), REFUSED)
def test_a_bad_pattern_is_refused_in_the_words_of_the_operation(
    pattern: str, text: str, in_metric_filter: str | None
) -> None:
    with pytest.raises(patterns.Refused) as refused:
        patterns.compiled(pattern)
    assert (refused.value.text, refused.value.in_metric_filter) == (text, in_metric_filter or text)
