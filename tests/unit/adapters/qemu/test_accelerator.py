"""Which accelerator is chosen, and why."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.qemu.accelerator import Findings, Measurement, decide, judge
from terraphim_runner.adapters.qemu.config import Accelerator, AcceleratorSetting
from terraphim_runner.domain.errors import HostError

FAST, FAILED = Measurement(0.05, ""), Measurement(None, "it did not finish the probe in 0.5 s")


def findings(kvm: Measurement, tcg: Measurement = FAST) -> Findings:
    return Findings("key", "7.2.22", kvm, tcg)


def test_auto_takes_a_kvm_that_ended_the_probe() -> None:
    """The reason tells how fast."""
    assert decide(AcceleratorSetting.AUTO, findings(FAST)) == (Accelerator.KVM, "KVM ran the probe in 0.05 s")


def test_auto_falls_back_to_tcg_and_says_why() -> None:
    """Trap: a /dev/kvm that opens proves nothing."""
    chosen, reason = decide(AcceleratorSetting.AUTO, findings(FAILED))

    assert chosen is Accelerator.TCG
    assert "did not finish" in reason


def test_kvm_that_was_asked_for_and_failed_is_an_error() -> None:
    """It is not replaced silently."""
    with pytest.raises(HostError, match="did not finish"):
        decide(AcceleratorSetting.KVM, findings(FAILED))


def test_tcg_that_was_asked_for_is_taken_even_where_kvm_is_fast() -> None:
    """The operator knows why."""
    assert decide(AcceleratorSetting.TCG, findings(FAST))[0] is Accelerator.TCG


def test_nothing_that_works_is_an_error() -> None:
    """With QEMU's own words."""
    with pytest.raises(HostError, match="no such machine"):
        decide(AcceleratorSetting.AUTO, findings(FAILED, Measurement(None, "TCG failed: no such machine")))


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (33, [], Measurement(0.123, "")),
        (None, ["RP"], Measurement(None, "KVM did not finish the probe in 0.1 s")),
        (1, ["warning: odd", "Permission denied"], Measurement(None, "KVM failed: Permission denied")),
        (1, [], Measurement(None, "KVM failed: exit status 1")),
    ],
)
def test_only_the_probes_own_exit_counts(status: int | None, said: list[str], expected: Measurement) -> None:
    """A QEMU that ends otherwise has not run it."""
    assert judge(Accelerator.KVM, 0.1234, status, said) == expected
