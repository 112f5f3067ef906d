"""Java's patterns mean the same in Python, and no text keeps a thread busy for ever."""

from __future__ import annotations

import re

import pytest

from ecs_emulator.wire import models, patterns
from tests.wire.samples import SERVICES

PATTERNS = sorted({shape.pattern for name in SERVICES for shape in models.load(name).shapes.values() if shape.pattern})


def matches(java: str, text: str) -> bool:
    pattern = patterns.compiled(java)
    assert pattern is not None
    return pattern.fullmatch(text) is not None


@pytest.mark.parametrize("java", PATTERNS)
def test_every_pattern_of_the_models_is_understood(java: str) -> None:
    assert patterns.compiled(java) is not None


@pytest.mark.parametrize("java", PATTERNS)
@pytest.mark.parametrize(
    "text", ["a" * 256 + "!", "a." * 128 + "!", "a/" * 128 + "\n", "*" * 255 + "!", "-_" * 128 + "!"]
)
def test_no_text_makes_a_pattern_search_for_ever(java: str, text: str) -> None:
    matches(java, text)  # a pattern that backtracks without bound would not come back


def test_letters_numbers_and_separators_are_those_of_every_script() -> None:
    tag_key = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
    for good in ("Größe 1", "ключ", "名前", "a.b:c/d=e+f-g@h", "\u00a0", ""):
        assert matches(tag_key, good)
    for bad in ("a*b", "a\tb", "a,b", "a\n"):
        assert not matches(tag_key, bad)


def test_word_characters_and_digits_are_ascii_as_in_java() -> None:
    assert matches(r"[\w+=/:,.@-]*", "abc_1")
    assert not matches(r"[\w+=/:,.@-]*", "é")
    assert not matches(r"\d{2}", "٣٤")


def test_a_hyphen_after_a_class_is_a_hyphen() -> None:
    assert matches(r"[\w-_]*", "a-b_c")


def test_the_whole_text_must_match_without_a_line_end() -> None:
    assert not matches("^[0-9]{12}$", "123456789012\n")
    assert not matches("[0-9]{12}", "x123456789012")


@pytest.mark.parametrize(("java", "ours"), patterns._SAME_LANGUAGE.items())
def test_a_rewritten_pattern_accepts_the_same_texts(java: str, ours: str) -> None:
    letters = ["", "a", "*", ".", "-", "/", "_", "A"]
    texts = {a + b + c + d for a in letters for b in letters for c in letters for d in letters}
    assert {text for text in texts if re.fullmatch(java, text)} == {text for text in texts if re.fullmatch(ours, text)}


def test_what_python_cannot_say_is_not_checked() -> None:
    assert patterns.compiled(r"\p{IsGreek}+") is None
