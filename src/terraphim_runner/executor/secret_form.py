"""The forms in which a secret turns up in output: as it is, and as common tools encode and quote it.

The first group is what the official runner registers (its ValueEncoders, which the conformance cases hold us to);
the rest is what it misses: unpadded and URL-safe base64 and base64 in lines, the JSON of other writers, the URL
encodings of other libraries, and what shells print.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIN_PART = 4  # base64 characters: a shorter piece of an encoding would hide much that is no secret
_MIN_SECTION = 6  # the runner's, of sections that PowerShell prints one by one
_MIN_QUOTED = 9  # the runner's, of values whose quotes may be missing
_BASE64_WIDTHS = (64, 76)  # PEM and openssl; coreutils and MIME
_URL_SAFE = str.maketrans("+/", "-_")
_URL_ESCAPE = re.compile("%[0-9A-F]{2}")
_SHELL_SPECIAL = re.compile(r"[^A-Za-z0-9_./:=@%+,-]")


def secret_forms(value: str) -> frozenset[str]:
    """Give every form of one value that is to be hidden, the value included; none of them is empty."""
    forms = {value, *_runner_forms(value)}
    forms |= {*_json_forms(value), *_url_forms(value), *_markup_forms(value), *_shell_forms(value)}
    for shift in range(3):
        forms |= set(_base64_parts(value.encode()[shift:]))
    forms |= {form.translate(_URL_SAFE) for form in _base64_forms(value)}
    return frozenset(form for form in forms if form)


def _runner_forms(value: str) -> Iterator[str]:
    yield from _base64_forms(value)
    yield value.replace('"', '\\"')
    yield value.replace("'", "''")  # PowerShell's quoting too
    if len(value) >= _MIN_QUOTED and value[0] == value[-1] == '"':
        yield value[1:-1]
    yield from _ampersand_sections(value)


def _base64_forms(value: str) -> Iterator[str]:
    """Encode the value as it begins at each of the three places in a group of three bytes."""
    data = value.encode()
    for shift in range(3):
        yield base64.b64encode(data[shift:] if len(data) > shift else data).decode()


def _base64_parts(data: bytes) -> Iterator[str]:
    """Give what stands there without padding, or where other data follows, and the lines of a long encoding."""
    padded = base64.b64encode(data).decode()
    whole = len(data) * 8 // 6
    parts = [padded.rstrip("="), padded[:whole]]
    for width in _BASE64_WIDTHS:
        if whole > width:
            parts += [padded[start : min(start + width, whole)] for start in range(0, whole, width)]
    for part in parts:
        if len(part) >= _MIN_PART:
            yield part
            yield part.translate(_URL_SAFE)


def _json_forms(value: str) -> Iterator[str]:
    for is_ascii in (False, True):
        text = json.dumps(value, ensure_ascii=is_ascii)[1:-1]
        yield text
        yield text.replace("/", "\\/")  # PHP
        yield text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")  # Go


def _url_forms(value: str) -> Iterator[str]:
    for text in (quote(value, safe=""), quote(value), quote(value, safe="!'()*~"), quote_plus(value)):
        yield text
        yield _URL_ESCAPE.sub(lambda escape: escape[0].lower(), text)


def _markup_forms(value: str) -> Iterator[str]:
    text = html.escape(value, quote=False)
    yield text
    for double in ("&quot;", "&#34;"):
        for single in ("&apos;", "&#39;", "&#x27;"):
            yield text.replace('"', double).replace("'", single)


def _shell_forms(value: str) -> Iterator[str]:
    yield value.replace("'", "'\\''")  # bash -x
    yield shlex.quote(value)[1:-1] if _SHELL_SPECIAL.search(value) else value
    yield _SHELL_SPECIAL.sub(r"\\\g<0>", value)  # printf %q
    yield re.sub(r'[\\"$`]', r"\\\g<0>", value)  # within double quotes


def _ampersand_sections(value: str) -> Iterator[str]:
    """Give the sections that PowerShell's error messages tear a command with `&` into."""
    head, mark, tail = value.partition("&+")
    if mark:
        tail = tail[1:]  # its first letter is in a colour of its own
    else:
        head, mark, tail = value.rpartition("&")
    if mark:
        yield from (section for section in (head + mark, tail) if len(section) >= _MIN_SECTION)
