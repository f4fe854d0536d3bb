"""Secrets in text."""

from __future__ import annotations

import base64
import json
import re
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from terraphim_runner.executor.line import MAX_LINE_BYTES, LineSplitter
from terraphim_runner.executor.mask import Masker

_SECRET = 'p&ss "w\'rd" <€/+>?!$`\\'


def test_p8_every_registered_value_is_hidden_the_longest_first() -> None:
    assert Masker(["abc", "abcdef"]).mask("x abcdef abc y") == "x *** *** y"


def test_p8_secrets_that_overlap_or_touch_are_hidden_as_one() -> None:
    """Hiding one of them alone would show what is left of the other."""
    masker = Masker(["abcd", "cdef", "gh"])

    assert masker.mask("-abcdefgh-") == "-***-"


def test_p8_each_line_of_a_multi_line_secret_is_hidden() -> None:
    masker = Masker(["first\n\nsecond"])

    assert masker.mask("a first b") == "a *** b"
    assert masker.mask("second") == "***"


def test_a_blank_secret_hides_nothing() -> None:
    assert Masker([" \n "]).mask("a b") == "a b"


def test_secrets_that_turn_on_debugging_are_no_secrets() -> None:
    """A log without the word `true`, and outputs left out for it, would be another run."""
    masker = Masker.of({"ACTIONS_STEP_DEBUG": "true", "Actions_Runner_Debug": "yes", "TOKEN": "hunter2"})

    assert masker.mask("true, yes, hunter2") == "true, yes, ***"


def test_values_may_be_added_between_lines() -> None:
    """As `::add-mask::` does."""
    masker = Masker()
    for number in range(100):
        assert masker.mask(f"[value-{number:03}]") == f"[value-{number:03}]"
        masker.add(f"value-{number:03}")

    assert masker.mask("".join(f"[value-{number:03}]" for number in range(100))) == "[***]" * 100


@pytest.mark.parametrize(
    "form",
    [
        json.dumps(_SECRET)[1:-1],
        json.dumps(_SECRET, ensure_ascii=False)[1:-1],
        quote(_SECRET),
        quote(_SECRET, safe=""),
        quote_plus(_SECRET),
        re.sub("%..", lambda escape: escape[0].lower(), quote(_SECRET, safe="")),
        shlex.quote(_SECRET)[1:-1],
        "p&amp;ss &quot;w&apos;rd&quot; &lt;€/+&gt;?!$`\\",
        r"p\&ss\ \"w\'rd\"\ \<\€/+\>\?\!\$\`\\",
    ],
)
def test_p8_the_encodings_of_common_tools_are_hidden(form: str) -> None:
    """As JSON, in a URL, quoted for a shell, in XML."""
    assert form != _SECRET
    assert Masker([_SECRET]).mask(f"[{form}]") == "[***]"


@given(prefix=st.binary(max_size=7), suffix=st.binary(max_size=7), is_url_safe=st.booleans())
def test_p8_a_secret_within_what_is_encoded_as_base64_is_hidden(
    prefix: bytes, suffix: bytes, *, is_url_safe: bool
) -> None:
    """Whatever stands before and after it: at most a character at each end is left of its encoding."""
    secret = "correct-horse?>battery"
    encode = base64.urlsafe_b64encode if is_url_safe else base64.b64encode

    masked = Masker([secret]).mask(encode(prefix + secret.encode() + suffix).decode())

    head, _, tail = masked.partition("***")
    assert "***" in masked
    assert b"orrect" not in base64.urlsafe_b64decode(_padded(head)) + base64.urlsafe_b64decode(_padded(tail))
    assert len(head) + len(tail) <= len(base64.b64encode(prefix)) + len(base64.b64encode(suffix)) + 4


def _padded(text: str) -> str:
    text = text.replace("+", "-").replace("/", "_").rstrip("=")
    return text[: len(text) // 4 * 4]


@pytest.mark.parametrize("width", [64, 76])
def test_p8_a_long_secret_as_base64_in_lines_is_hidden(width: int) -> None:
    """As coreutils and openssl print it."""
    secret = "".join(chr(33 + index * 7 % 90) for index in range(300))
    text = base64.b64encode(f"{secret}\n".encode()).decode()
    masker = Masker([secret])

    lines = [masker.mask(text[start : start + width]) for start in range(0, len(text), width)]

    assert lines[:-1] == ["***"] * (len(lines) - 1)
    assert lines[-1].startswith("***")
    assert len(lines[-1]) < 8


def test_p8_colours_within_a_secret_do_not_uncover_it() -> None:
    """`grep --color` puts some around what it found; whoever reads the log does not see them."""
    masker = Masker(["token123"])

    assert masker.mask("a \x1b[01;31m\x1b[Ktok\x1b[m\x1b[Ken123 b") == "a \x1b[01;31m\x1b[K*** b"
    assert masker.mask("\x1b[31mred\x1b[0m") == "\x1b[31mred\x1b[0m"


def test_p8_a_line_that_is_no_text_is_masked_all_the_same() -> None:
    """File names may hold bytes that are no UTF-8."""
    masker = Masker(["hunter2"])

    assert masker.mask("/tmp/\udcff/hunter2") == "/tmp/\ufffd/***"


_values = st.text(st.sampled_from('ab€\n& "\\'), min_size=1, max_size=6).filter(str.strip)


@given(st.lists(_values, min_size=1, max_size=4), st.data())
def test_p8_no_registered_value_is_left_in_a_line_whatever_it_is_made_of(
    values: list[str], data: st.DataObject
) -> None:
    """Neither the value nor a line of it."""
    masker = Masker(values)
    parts = st.sampled_from([*values, "a", "b", "€", "&", " ", "\\"])
    text = "".join(data.draw(st.lists(parts, max_size=12)))

    masked = masker.mask(text)

    lines = {line.strip() for value in values for line in value.split("\n")} - {""}
    assert not [secret for secret in lines | set(values) if secret in masked]


@given(
    st.lists(st.sampled_from(["hunter2€", "hun", "ter2", "-\n", "€", "x" * 100, "aaaa"]), max_size=40),
    st.integers(0, 20),
    st.lists(st.integers(1, 50), min_size=1),
)
@example(["hunter2€"], 3, [4])
def test_p8_a_secret_is_hidden_wherever_chunks_and_pieces_of_long_lines_end(
    parts: list[str], before: int, cuts: list[int]
) -> None:
    """The first piece of a line that is too long ends somewhere in the parts."""
    secrets = ["hunter2€", "aaa"]
    masker = Masker(secrets)
    data = b"-" * (MAX_LINE_BYTES - before) + "".join(parts).encode()
    splitter = LineSplitter(masker)
    lines = [*splitter.feed(data[: MAX_LINE_BYTES - before])]
    rest = data[MAX_LINE_BYTES - before :]
    while rest:
        lines += splitter.feed(rest[: cuts[0]])
        rest, cuts = rest[cuts[0] :], [*cuts[1:], cuts[0]]
    lines += splitter.finish()

    shown = "".join(lines)
    masked = "".join(map(masker.mask, lines))
    assert shown == data.decode().replace("\n", "")
    for secret in secrets:
        assert secret not in masked


def test_a_line_of_nothing_but_secrets_is_cut_all_the_same() -> None:
    """Nothing waits for its end."""
    masker = Masker(["aa"])
    splitter = LineSplitter(masker)

    lines = splitter.feed(b"a" * (3 * MAX_LINE_BYTES))

    assert len(lines) == 2
    assert set(map(masker.mask, lines)) == {"***"}
