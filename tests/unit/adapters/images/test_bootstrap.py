"""What mmdebstrap prints moves the bar, forwards only."""

from __future__ import annotations

from itertools import pairwise

from terraphim_runner.adapters.images.bootstrap import BootstrapReader
from terraphim_runner.adapters.images.progress import BuildPhase, BuildProgress

OUTPUT = """\
I: automatically chosen mode: root
I: running apt-get update...
Get:1 http://m.example/debian bookworm InRelease [151 kB]
I: downloading packages with apt...
0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://m.example/debian bookworm/main amd64 libc6 amd64 2.36-9 [2759 kB]
Get:2 http://m.example/debian bookworm/main amd64 dash amd64 0.5.12-2 [97.3 kB]
I: extracting archives...
Unpacking libc6:amd64 (2.36-9) ...
Unpacking dash (0.5.12-2) ...
Setting up libc6:amd64 (2.36-9) ...
Setting up dash (0.5.12-2) ...
I: installing remaining packages inside the chroot...
0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://m.example/debian bookworm/main amd64 git amd64 2.39.5 [7256 kB]
Unpacking git (1:2.39.5) over (1:2.39.2) ...
Setting up git (1:2.39.5) ...
I: customizing
anything else
"""


def progress_of(output: str) -> list[BuildProgress]:
    seen: list[BuildProgress] = []
    reader = BootstrapReader(seen.append)
    for line in output.splitlines():
        reader.read(line)
    return seen


def test_the_bar_never_goes_back_and_ends_within_the_whole() -> None:
    fractions = [progress.fraction for progress in progress_of(OUTPUT)]

    assert all(before <= after for before, after in pairwise(fractions))
    assert 0.7 < fractions[-1] < 1.0


def test_each_package_is_named_as_it_comes() -> None:
    named = [(progress.phase, progress.detail) for progress in progress_of(OUTPUT) if progress.detail]

    assert named == [
        (BuildPhase.DOWNLOAD, "libc6"),
        (BuildPhase.DOWNLOAD, "dash"),
        (BuildPhase.INSTALL, "libc6"),
        (BuildPhase.INSTALL, "dash"),
        (BuildPhase.INSTALL, "libc6"),
        (BuildPhase.INSTALL, "dash"),
        (BuildPhase.DOWNLOAD, "git"),
        (BuildPhase.INSTALL, "git"),
        (BuildPhase.INSTALL, "git"),
    ]


def test_lines_that_mean_nothing_are_passed_over() -> None:
    assert progress_of("Unpacking x (1) ...\nGet:\n\n\rwhatever\n0 upgraded\n") == []
