"""How a VMM is started."""

from __future__ import annotations

from terraphim_runner.adapters.qemu.confinement import Confinement, Identity, launcher


def test_the_death_signal_is_set_after_the_change_of_user() -> None:
    """Trap: the change clears it. setpriv does both in this order, so both must be its work."""
    words = launcher(Confinement(Identity(1234)), 42)

    assert words.index("setpriv") < words.index("--pdeathsig") < words.index("/proc/self/fd/42")
    assert words[words.index("--pdeathsig") + 1] == "KILL"
    assert words.index("setpriv") < words.index("--reuid") < words.index("/proc/self/fd/42")


def test_a_parent_that_died_before_the_signal_was_set_is_noticed_after() -> None:
    """The last program before the VMM looks at its parent."""
    assert launcher(Confinement(None), 42)[-1] == "/proc/self/fd/42"


def test_as_root_every_privilege_is_given_up() -> None:
    """User, group, groups and capabilities."""
    words = launcher(Confinement(Identity(1234)), 42)

    assert {"--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"} <= set(words)
    assert (words[words.index("--reuid") + 1], words[words.index("--regid") + 1]) == ("1234", "1234")


def test_the_group_of_the_kvm_device_is_kept_and_no_other() -> None:
    """A VMM without it could not open the device."""
    words = launcher(Confinement(Identity(1234, (108,))), 42)

    assert words[words.index("--groups") + 1] == "108"
    assert "--clear-groups" not in words


def test_an_ordinary_user_keeps_its_user() -> None:
    """It cannot do otherwise."""
    words = launcher(Confinement(None), 42)

    assert "--reuid" not in words
    assert "--no-new-privs" in words


def test_limits_are_set_before_the_user_changes() -> None:
    """Afterwards nobody here may change them."""
    words = launcher(Confinement(Identity(1), (("core", 0), ("nofile", 256))), 42)

    assert words[:4] == ["prlimit", "--core=0", "--nofile=256", "setpriv"]
