"""Recipes say what they mean, and every fault is told with its file and key."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.images.recipe import parse_recipe
from terraphim_runner.domain.errors import UsageError

SMALL = 'name = "small"\nsuite = "bookworm"\n'


def faults_of(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_recipe(text, "my.toml")
    return str(caught.value)


def test_two_keys_make_a_recipe() -> None:
    recipe = parse_recipe(SMALL, "my.toml")

    assert (
        recipe.name,
        recipe.suite,
        recipe.packages,
        recipe.commands,
        recipe.host_ca_certificates,
    ) == ("small", "bookworm", (), (), True)


def test_files_carry_mode_and_owner() -> None:
    recipe = parse_recipe(
        SMALL + '[[files]]\npath = "/a"\ncontent = "x"\nmode = "0700"\nowner = "runner"\n', "my.toml"
    )

    assert (recipe.files[0].permissions, recipe.files[0].owner_ids) == (0o700, (1001, 1001))


def test_an_owner_may_be_numbers() -> None:
    recipe = parse_recipe(SMALL + '[[files]]\npath = "/a"\ncontent = "x"\nowner = "5:60"\n', "my.toml")

    assert recipe.files[0].owner_ids == (5, 60)


@pytest.mark.parametrize(
    ("addition", "fault"),
    [
        ("packges = []", "unknown key 'packges'"),
        ('packages = "git"', "packages: "),
        ("packages = [1]", "packages[0]: "),
        ('packages = ["--force-yes"]', "packages[0]: "),
        ('packages = ["a,b"]', "packages[0]: "),
        ("commands = [true]", "commands[0]: "),
        ("host_ca_certificates = 1", "host_ca_certificates: "),
        ('size_mib = "2G"', "size_mib: "),
        ("size_mib = 1", "size_mib: "),
        ('[[files]]\npath = "etc/x"\ncontent = ""', "files[0].path: must be an absolute path"),
        ('[[files]]\npath = "/etc/../x"\ncontent = ""', "files[0].path: must be an absolute path"),
        ('[[files]]\npath = "/x"', "key 'files[0].content' is missing"),
        ('[[files]]\npath = "/x"\ncontent = ""\nmode = "rwx"', "files[0].mode: must be an octal mode"),
        ('[[files]]\npath = "/x"\ncontent = ""\nmode = 420', "files[0].mode: "),
        ('[[files]]\npath = "/x"\ncontent = ""\nowner = "nobody"', "files[0].owner: must be"),
        (
            '[[files]]\npath = "/x"\ncontent = ""\ngroup = "x"',
            "unknown key 'files[0].group'; the keys here are path,",
        ),
    ],
)
def test_a_fault_names_the_file_and_the_key(addition: str, fault: str) -> None:
    assert f"my.toml: {fault}" in faults_of(SMALL + addition)


def test_all_faults_are_told_at_once() -> None:
    assert len(faults_of("suite = 1\nsize_mib = true\nx = 1").splitlines()) == 4


def test_what_is_no_toml_is_told_with_its_place() -> None:
    assert "my.toml: not valid TOML: Invalid value (at line 2, column 9)" in faults_of(SMALL[:15] + "suite = !\n")


@pytest.mark.parametrize("name", ["Big", "a/b", "../x", "", ".hidden"])
def test_a_name_is_fit_to_be_a_file_name(name: str) -> None:
    assert "my.toml: name: " in faults_of(f'name = "{name}"\nsuite = "bookworm"\n')


def test_layout_and_order_of_packages_do_not_matter_to_the_canonical_form() -> None:
    one = parse_recipe(SMALL + 'packages = ["git", "jq"]', "my.toml")
    other = parse_recipe('packages = [\n"jq",\n"git", "git"]\n# a word\n' + SMALL, "other.toml")

    assert one.canonical() == other.canonical()


def test_order_of_commands_matters_to_the_canonical_form() -> None:
    one = parse_recipe(SMALL + 'commands = ["a", "b"]', "my.toml")
    other = parse_recipe(SMALL + 'commands = ["b", "a"]', "my.toml")

    assert one.canonical() != other.canonical()
