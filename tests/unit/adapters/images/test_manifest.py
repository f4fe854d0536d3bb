"""A manifest comes back as it was written, and nothing else passes for one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from terraphim_runner.adapters.images.manifest import Manifest, parse_dpkg_status

BUILT_AT = datetime(2026, 1, 2, tzinfo=UTC)
MANIFEST = Manifest(
    "debian-12", "ab" * 32, "bookworm", "6.1.0", BUILT_AT, 31.5, {"git": "1:2"}, {"node20": "20.1.0"}
)


def test_it_comes_back_as_it_was_written() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_an_image_of_before_there_were_runtimes_can_still_be_listed_and_removed() -> None:
    facts = json.loads(MANIFEST.to_json())
    del facts["runtimes"]

    assert Manifest.from_json(json.dumps(facts)) == replace(MANIFEST, runtimes={})


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '"x"', MANIFEST.to_json()[:-20], MANIFEST.to_json().replace("suite", "sweet")]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Manifest.from_json(text)


def test_packages_are_those_dpkg_has_installed() -> None:
    status = """\
Package: git
Status: install ok installed
Priority: optional
Version: 1:2.39.5

Package: gone
Status: deinstall ok config-files
Version: 1

Package: jq
Status: install ok installed
Version: 1.6
"""

    assert parse_dpkg_status(status) == {"git": "1:2.39.5", "jq": "1.6"}
