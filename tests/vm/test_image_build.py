"""An image is really built, holds what its recipe says, and boots to its agent."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.images.builder import ImageBuilder
from terraphim_runner.adapters.images.node_runtime import NODE_RUNTIMES
from terraphim_runner.adapters.images.recipe import parse_recipe
from terraphim_runner.adapters.images.store import read_image
from terraphim_runner.domain.errors import InfraError
from terraphim_runner.wire.connection import Connection
from terraphim_runner.wire.message import Hello, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.adapters.images.progress import BuildProgress
    from terraphim_runner.ports.image import Image
    from terraphim_runner.wire.message import Message

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap"),
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]

RECIPE = """\
name = "small"
suite = "bookworm"
packages = ["jq"]
commands = ["jq -r .who /etc/greeting.json > /etc/who", "chown runner: /etc/who"]

[[files]]
path = "/etc/greeting.json"
content = '{"who": "world"}'
mode = "0640"
owner = "runner"
"""
BROKEN = 'name = "broken"\nsuite = "bookworm"\ncommands = ["echo so far so good", "no-such-command"]\n'


@pytest.fixture(scope="module")
def images_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory of images that goes when the tests are through: an image is large."""
    directory = tmp_path_factory.mktemp("images")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def build(images_dir: Path) -> tuple[Image, list[BuildProgress]]:
    """The image of the recipe above, and what was told while it was built."""
    told: list[BuildProgress] = []
    return ImageBuilder(images_dir).build(parse_recipe(RECIPE, "small.toml"), told.append), told


def debugfs(image: Image, request: str) -> str:
    argv = ["debugfs", "-R", request, str(image.root_disk)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@contextmanager
def booted(image: Image, directory: Path) -> Iterator[socket.socket]:
    """Boot a scratch copy-on-write view of the image; the socket is the agent's port."""
    bogomips = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("bogomips"))
    khz = int(float(bogomips.partition(":")[2]) * 500)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "port"))
        listener.listen()
        listener.settimeout(30)
        parameters = (
            "console=ttyS0 quiet panic=-1 reboot=t rdinit=/init cryptomgr.notests tsc=reliable no_timer_check"
        )
        argv = [
            *("qemu-system-x86_64", "-M", "microvm,acpi=on,rtc=on", "-accel", "tcg", "-cpu", "qemu64,+rdrand"),
            *("-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(image.kernel), "-initrd", str(image.initramfs)),
            *("-append", f"{parameters} tsc_early_khz={khz}"),
            *("-serial", f"file:{directory}/console.log"),
            *("-drive", f"if=none,id=root,file={image.root_disk},format=raw,snapshot=on"),
            *("-device", "virtio-blk-device,drive=root,serial=root", "-device", "virtio-serial-device"),
            *("-chardev", f"socket,id=agent,path={directory}/port"),
            *("-device", "virtserialport,chardev=agent,name=org.terraphim.agent"),
        ]
        with subprocess.Popen(argv) as machine:
            try:
                port, _ = listener.accept()
                with port:
                    yield port
            finally:
                machine.kill()


def test_the_image_is_whole_and_alone_in_its_directory(
    images_dir: Path, build: tuple[Image, list[BuildProgress]]
) -> None:
    image, _ = build

    assert [path.name for path in images_dir.iterdir()] == [image.digest]
    assert {
        path.name: path.stat().st_mode & 0o777 for path in (images_dir / image.digest).iterdir()
    } == dict.fromkeys(("build.log", "initramfs.cpio", "manifest.json", "root.ext4", "vmlinux"), 0o444)


def test_progress_only_grows(build: tuple[Image, list[BuildProgress]]) -> None:
    fractions = [progress.fraction for progress in build[1]]

    assert len(fractions) > 100
    assert all(before <= after for before, after in pairwise(fractions))


def test_a_second_build_is_the_first(images_dir: Path, build: tuple[Image, list[BuildProgress]]) -> None:
    told: list[BuildProgress] = []

    assert ImageBuilder(images_dir).build(parse_recipe(RECIPE, "small.toml"), told.append) == build[0]
    assert told == []


def test_the_manifest_lists_the_packages(images_dir: Path, build: tuple[Image, list[BuildProgress]]) -> None:
    stored = read_image(images_dir / build[0].digest)

    assert stored is not None
    assert {"jq", "python3", "linux-image-cloud-amd64"} <= stored.manifest.packages.keys()


def test_node_for_actions_is_in_every_image_and_in_nobodys_path(
    images_dir: Path, build: tuple[Image, list[BuildProgress]]
) -> None:
    stored = read_image(images_dir / build[0].digest)

    assert stored is not None
    assert stored.manifest.runtimes == {runtime.name: runtime.version for runtime in NODE_RUNTIMES}
    for runtime in NODE_RUNTIMES:
        assert "Mode:  0755" in debugfs(build[0], f"stat {runtime.path}")
    environment = dict(line.split("=", 1) for line in debugfs(build[0], "cat /etc/environment").splitlines())
    assert "/opt" not in environment["PATH"]


def test_commands_ran_after_packages_and_files(build: tuple[Image, list[BuildProgress]]) -> None:
    assert debugfs(build[0], "cat /etc/who") == "world\n"


def test_owners_and_modes_are_the_recipes(build: tuple[Image, list[BuildProgress]]) -> None:
    status = debugfs(build[0], "stat /etc/greeting.json")

    assert "Mode:  0640" in status
    assert "User:  1001   Group:  1001" in status


def test_the_agent_lies_compiled_beside_its_source(build: tuple[Image, list[BuildProgress]]) -> None:
    assert "agent.cpython" in debugfs(build[0], "ls /usr/lib/terraphim-runner/terraphim_runner/guest/__pycache__")


def test_nothing_of_the_building_host_is_left(build: tuple[Image, list[BuildProgress]]) -> None:
    assert debugfs(build[0], "cat /etc/resolv.conf") == "nameserver 10.0.2.3\n"
    assert debugfs(build[0], "cat /etc/hostname") == "terraphim\n"
    assert "vmlinuz" not in debugfs(build[0], "ls /boot")


def test_it_boots_to_its_agent_as_process_1(build: tuple[Image, list[BuildProgress]], tmp_path: Path) -> None:
    connection = Connection(Ready)
    with booted(build[0], tmp_path) as port:
        port.settimeout(60)
        port.sendall(connection.send(Hello(channel=0, oldest=1, newest=1, nonce=7)))
        answers: list[Message] = []
        while not answers:
            answers = connection.receive(port.recv(65536))

    (ready,) = answers
    assert isinstance(ready, Ready)
    assert (ready.pid, ready.nonce) == (1, 7)


def test_a_failing_command_fails_the_build_and_leaves_only_its_log(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="no-such-command") as caught:
        ImageBuilder(tmp_path).build(parse_recipe(BROKEN, "broken.toml"), lambda progress: None)

    assert str(tmp_path / "failed-broken.log") in str(caught.value.hint)
    assert [path.name for path in tmp_path.iterdir()] == ["failed-broken.log"]
