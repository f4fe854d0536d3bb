"""What the scenarios' steps do in the guest. Lines of the form `name: words` are what a step says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Which machine and which agent: the kernel's boot, the machine's id, and the process that all steps descend from.
_IDENTITY = """\
pid=$$
agent=$pid
while [ "$pid" -gt 1 ]; do
  agent=$pid
  pid=$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")
  name=$(tr '\\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)
  case $name in *terraphim*guest*|*terraphim*agent*) agent=$pid; break;; esac
done
echo "identity: $(cat /etc/machine-id 2>/dev/null)/$(cat /proc/sys/kernel/random/boot_id)/$agent"
"""

_LEAVE = """\
echo {token} >"$GITHUB_WORKSPACE/trace-{token}"
echo {token} >"$HOME/trace-{token}" 2>/dev/null || true
echo "left: file"
TRACE_NAME={token} setsid sh -c 'exec -a trace-{token} sleep 600' >/dev/null 2>&1 </dev/null &
echo "left: process"
echo "secret-{token}" >"$RUNNER_TEMP/secret-{token}"
echo "left: secret"
"""

_LOOK = """\
token={first}
token="$token{second}"
found() {{ if [ -n "$2" ]; then echo "found: $1=yes"; else echo "found: $1=no"; fi; }}
root=$(dirname "$(dirname "$GITHUB_WORKSPACE")")
found file "$(find "$root" "$HOME" -name "trace-$token" 2>/dev/null)"
found process "$(grep -l "{pattern}" /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null)"
found secret "$(grep -rl "secret-$token" "$root/_temp" 2>/dev/null)"
"""


def guest_identity() -> str:
    """Say which machine this is, as the guest sees it."""
    return _IDENTITY


def leave_traces(token: str) -> str:
    """Leave a file, a process and a secret behind."""
    return _LEAVE.format(token=token)


def look_for_traces(token: str) -> str:
    """Look for what `leave_traces` left; nothing holds the token whole, or the search would find itself."""
    return _LOOK.format(first=token[:8], second=token[8:], pattern=f"{token[:8]}[{token[8]}]{token[9:]}")


def workflow_text(scripts: Sequence[str]) -> str:
    """Make a workflow with one job and a step per script."""
    steps = "".join(f"      - run: {json.dumps(script)}\n" for script in scripts)
    return f"on: push\njobs:\n  job:\n    runs-on: self-hosted\n    steps:\n{steps}"
