"""What the scenarios' steps do in the guest. Lines of the form `name: words` are what a step says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Which machine and which agent: its id, the kernel's boot, and the agent, the first of ours above the step.
_IDENTITY = """\
pid=$$
agent=none
while [ "$pid" -gt 1 ]; do
  pid=$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")
  [ "$pid" -gt 0 ] || break  # the agent is outside of a job's root
  name=$(tr '\\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)
  case $name in *terraphim*guest*|*terraphim*agent*) agent=$pid;; esac
done
echo "identity: $(cat /etc/machine-id 2>/dev/null)/$(cat /proc/sys/kernel/random/boot_id)/$agent"
"""

_LEAVE = """\
mkdir -p "$GITHUB_WORKSPACE" "$RUNNER_TEMP"
echo {token} >"$GITHUB_WORKSPACE/trace-{token}"
if grep -q terraphim /proc/1/cmdline; then  # a machine of its own: leave something in the shared places too
  echo {token} >"$HOME/trace-{token}"
  echo {token} >"/var/tmp/trace-{token}"
fi
TRACE_NAME={token} setsid bash -c 'exec -a trace-{token} sleep 600' >/dev/null 2>&1 </dev/null &
echo "secret-{token}" >"$RUNNER_TEMP/secret-{token}"
"""

_LOOK = """\
token={first}
token="${{token}}{second}"
found() {{ if [ -n "$2" ]; then echo "found: $1=yes"; else echo "found: $1=no"; fi; }}
root=$(dirname "$(dirname "$GITHUB_WORKSPACE")")
found file "$(find "$root" "$HOME" /var/tmp -name "trace-$token" 2>/dev/null)"
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
