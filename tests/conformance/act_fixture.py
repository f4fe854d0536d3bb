"""JavaScript for the corpus' actions, whose own code is not handed out.

Each does what the workflow that uses it needs to be a test: it looks at what the runner has to give it, and fails
where that is wrong. Written for this test; it runs as CommonJS and as a module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_GREET = """\
const who = process.env['INPUT_WHO-TO-GREET'];
if (who !== 'Mona the Octocat') throw new Error(`greeting ${who}`);
import('node:fs').then((fs) => fs.appendFileSync(process.env.GITHUB_OUTPUT, `time=${Date.now()}\\n`));
"""
_SAY = "console.log(`${process.env.GITHUB_ACTION}: %s`);\n"
_FAIL_IF_ASKED = "if (process.env.INPUT_FAIL === 'true') process.exit(1);\n"
_CHECK_CACHE = """\
if (process.env.INPUT_CACHE !== 'true') throw new Error(`cache is ${process.env.INPUT_CACHE}`);
console.log(process.env.INPUT_STEP);
"""
_RUN_INPUT = """\
import('node:child_process').then(({ spawnSync }) => {
  const script = process.env['INPUT_%s'];
  if (script) process.exit(spawnSync('bash', ['-e', '-c', script], { stdio: 'inherit' }).status ?? 1);
});
"""

FIXTURES = {
    "script/pre.js": _RUN_INPUT % "PRE",
    "script/main.js": _RUN_INPUT % "MAIN",
    "script/post.js": _RUN_INPUT % "POST",
    "actions/node12/dist/index.js": _GREET,
    "actions/node16/dist/index.js": _GREET,
    "actions/node20/dist/index.js": _GREET,
    "ensure-post-steps/action-post/main.js": _SAY % "main",
    "ensure-post-steps/action-post/post.js": _FAIL_IF_ASKED,
    "post-step-failure-is-job-failure/post-step-failure/main.js": _SAY % "main",
    "post-step-failure-is-job-failure/post-step-failure/post.js": "process.exit(1);\n",
    "uses-composite-check-for-input-shadowing/action-with-pre-and-post/pre.js": _CHECK_CACHE,
    "uses-composite-check-for-input-shadowing/action-with-pre-and-post/main.js": _CHECK_CACHE,
    "uses-composite-check-for-input-shadowing/action-with-pre-and-post/post.js": _CHECK_CACHE,
}


def add_fixtures(root: Path) -> None:
    """Put them where the actions' files in a directory say that they are."""
    for name, text in FIXTURES.items():
        path = root / name
        if any((directory / "action.yml").exists() for directory in (path.parent, path.parents[1])):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
