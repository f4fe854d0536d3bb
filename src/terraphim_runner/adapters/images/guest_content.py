"""What every guest gets from the builder: the agent, its user, the few files an installer would have written."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import terraphim_runner
from terraphim_runner.adapters.images.guest_init import compose_first_process
from terraphim_runner.adapters.images.node_runtime import EXTERNALS
from terraphim_runner.adapters.images.tree_file import TreeFile

AGENT_DIR = "/usr/lib/terraphim-runner"
HOST_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_PACKAGE = Path(terraphim_runner.__file__).parent
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

# The agent's own needs and the builder's: never for a recipe to leave out.
BASE_PACKAGES = (
    "ca-certificates",
    "e2fsprogs",
    "iproute2",
    "kmod",
    "linux-image-cloud-amd64",
    "lz4",
    "passwd",
    "procps",
    "python3",
    "sudo",
    "util-linux",
    "zstd",
)

_AGENT = f"""\
import sys
sys.path.insert(0, "{AGENT_DIR}")
from terraphim_runner.guest.agent import main
main()
"""

# Tools that bring their own certificates are pointed at the system's, which hold the host's too.
_ENVIRONMENT = {
    "PATH": "/home/runner/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "CURL_CA_BUNDLE": _BUNDLE,
    "NODE_EXTRA_CA_CERTS": _BUNDLE,
    "PIP_CERT": _BUNDLE,
    "REQUESTS_CA_BUNDLE": _BUNDLE,
    "SSL_CERT_FILE": _BUNDLE,
    "TERRAPHIM_EXTERNALS": EXTERNALS,
}

_BASE_FILES = (
    TreeFile(f"{AGENT_DIR}/agent.py", _AGENT.encode()),
    TreeFile(f"{AGENT_DIR}/init", compose_first_process(), 0o755),
    TreeFile("/etc/environment", "".join(f"{name}={value}\n" for name, value in _ENVIRONMENT.items()).encode()),
    TreeFile("/etc/hosts", b"127.0.0.1 localhost terraphim\n::1 localhost ip6-localhost ip6-loopback\n"),
    TreeFile(
        "/etc/sudoers.d/runner", b'Defaults env_keep += "DEBIAN_FRONTEND"\nrunner ALL=(ALL) NOPASSWD: ALL\n', 0o440
    ),
)

# Written last: while packages are being installed these hold what the host needs.
LAST_FILES = (
    TreeFile("/etc/hostname", b"terraphim\n"),
    TreeFile("/etc/resolv.conf", b"nameserver 10.0.2.3\n"),
)


def read_guest_files(*, host_ca_certificates: bool) -> tuple[TreeFile, ...]:
    """Collect the files from this package and this host."""
    certificates = read_host_certificates(HOST_CERTIFICATES) if host_ca_certificates else ()
    return (*_BASE_FILES, *_read_own_agent(), *certificates)


@cache  # the running process speaks with the agent of its own version, whatever is installed meanwhile
def _read_own_agent() -> tuple[TreeFile, ...]:
    return read_agent(_PACKAGE)


def read_agent(package: Path) -> tuple[TreeFile, ...]:
    """Read the parts of this package that run in a guest."""
    sources = [
        package / "__init__.py",
        *sorted(package.glob("guest/**/*.py")),
        *sorted(package.glob("wire/**/*.py")),
    ]
    return tuple(
        TreeFile(f"{AGENT_DIR}/{package.name}/{path.relative_to(package)}", path.read_bytes()) for path in sources
    )


def read_host_certificates(directory: Path) -> tuple[TreeFile, ...]:
    """Read the certificates that this host's administrator added to the distribution's."""
    return tuple(
        TreeFile(f"{HOST_CERTIFICATES}/{path.relative_to(directory)}", path.read_bytes())
        for path in sorted(directory.glob("**/*.crt"))
        if path.is_file()
    )
