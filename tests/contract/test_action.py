"""Actions from the command line, on processes and in VMs: the workflows and actions of tests/golden/actions."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from terraphim_runner.adapters.work_tree.local_actions import LocalActions
from terraphim_runner.cli.action_mapping import parse_action_mappings
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.workflow.action_reference import Repository

if TYPE_CHECKING:
    from terraphim_runner.ports.image import ImageStore

Run = Callable[..., "Told"]

GOLDEN = Path(__file__).parents[1] / "golden" / "actions"


class Told:
    """What a run told: its exit code, its events, and the lines that scripts began with `> `."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.events: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def said(self) -> list[str]:
        """Step numbers and lines."""
        return [
            f"{event['step']}{line[1:]}"
            for event in self.of("step_output")
            for line in event["lines"]
            if line.startswith("> ")
        ]

    @property
    def steps(self) -> list[str]:
        return [f"{event['name']}: {event['conclusion']}" for event in self.of("step_finished")]

    @property
    def warnings(self) -> list[str]:
        return [event["message"] for event in self.of("annotation") if event["level"] == "warning"]


@pytest.fixture(params=["process", pytest.param("qemu", marks=pytest.mark.vm)])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of the provider."""
    if request.param == "process":
        if shutil.which("node") is None:
            pytest.skip("this machine has no Node.js, which the provider `process` would use")
        return {"TERRAPHIM_PROVIDER": "process"}
    images: ImageStore = request.getfixturevalue("images")
    data_dir: Path = request.getfixturevalue("template_dir")
    image = images.find("debian-12")
    if not (data_dir / "images").exists():
        (data_dir / "images").symlink_to(image.kernel.parent.parent)
    small = {"image": image.digest, "cpus": 1, "memory_mib": 512, "disk_mib": 1024}
    return {
        "TERRAPHIM_PROVIDER": "qemu",
        "TERRAPHIM_DATA_DIR": str(data_dir),
        "TERRAPHIM_VM_TYPES": json.dumps({"default": small}),
    }


@pytest.fixture
def run(repository: Path, start: Callable[..., subprocess.Popen[str]], settings: dict[str, str]) -> Run:
    """Run a workflow of a repository that is a copy of the golden one, and has a commit."""
    shutil.copytree(GOLDEN / "repository", repository, dirs_exist_ok=True)
    commit(repository, "first")

    def run(workflow: str, *arguments: str) -> Told:
        process = start("run", workflow, "--output", "json", *arguments, env=settings)
        output, complaints = process.communicate(timeout=300)
        assert output, complaints
        return Told(process.returncode, output)

    return run


def commit(repository: Path, message: str) -> None:
    identity = ("-c", "user.name=A User", "-c", "user.email=user@example.invalid")
    for arguments in (("add", "--all"), ("commit", "--quiet", "-m", message)):
        subprocess.run(["git", *identity, *arguments], cwd=repository, check=True)


def head(repository: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_javascript_actions_have_stages_inputs_state_and_outputs(run: Run, repository: Path) -> None:
    """`pre` first and only of what is known then, `post` last and the other way round, each with its state."""
    told = run("javascript", "--action", f"octo/mapped={GOLDEN / 'mapped'}")

    own = f"GITHUB_ACTION_REPOSITORY=local/repository GITHUB_ACTION_REF={head(repository)}"
    assert told.said == [
        "8 pre yes of octo/mapped@v1 __octo_mapped",
        "9 pre nested of octo/mapped@v1 __octo_mapped_2",
        f"10 main self GITHUB_ACTION=__self_2 {own}",
        "2 main job GITHUB_ACTION=first",
        "3 main bob GITHUB_ACTION=__self FROM_STEP=hello job",
        "4 run main main",
        "5 main yes of octo/mapped@v1 __octo_mapped",
        "6 main nested of octo/mapped@v1 __octo_mapped_2",
        "6 nested octo/mapped@v1, the script sees: ",
        f"7 post self STATE_told=by main GITHUB_ACTION=__self_2 {own}",
        "11 post bob STATE_told=by main GITHUB_ACTION=__self FROM_STEP=hello job",
        "12 post job STATE_told=by main GITHUB_ACTION=first",
        f"13 post self STATE_told=by post GITHUB_ACTION=__self_2 {own}",
        "14 post nested of octo/mapped@v1 __octo_mapped_2",
        "15 post yes of octo/mapped@v1 __octo_mapped",
    ]
    assert told.code == 0
    assert "Unexpected input(s) 'unknown', valid inputs are ['who to greet', 'fail']" in told.warnings
    assert "`pre` execution is not supported for local action from './actions/script'" in told.warnings


def test_composite_actions_nest_with_inputs_outputs_and_environment(run: Run, repository: Path) -> None:
    told = run("composite")

    *said, last_run, post = told.said
    assert said == [
        "2 main ann GITHUB_ACTION=outer FROM_STEP=given",
        "2 outer plain Linux success/success main OUTER=given",
        "2 path actions/outer true",
        "2 action outer outer, in actions",
    ]
    assert last_run.startswith("3 run hello ann! main OUTER= ")
    assert last_run.endswith("/repository/bin")
    assert post == "4 post ann STATE_told=by main GITHUB_ACTION=outer FROM_STEP=given"
    assert told.code == 0


def test_failures_count_and_are_tolerated_as_on_github(run: Run) -> None:
    """An action's own status is what its steps see; an action that is made by a step is found."""
    told = run("failure")

    assert told.code == 1
    assert told.said == [
        "3 main made GITHUB_ACTION=__self",
        "4 own status is good",
        "4 goes on",
        "5 run failure, failure/success success",
        "6 own status is good",
        "6 cleans up",
        "8 run failure, failure/failure failure",
        "10 made just now",
        "11 post made STATE_told=by main GITHUB_ACTION=__self",
    ]
    assert told.steps == [
        "Run actions/checkout@v4: success",
        "Run ./actions/not-there: success",
        "Run ./actions/script: success",
        "Run ./actions/fragile: success",
        'Run echo "> run failure, failure/success success": success',
        "Run ./actions/fragile: failure",
        'Run echo "> never": skipped',
        'Run echo "> run failure, failure/failure failure": success',
        "Run mkdir later: success",
        "Run ./later: success",
        "Post Run ./actions/script: success",
    ]
    missing = told.of("step_finished")[1]
    assert (missing["outcome"], missing["conclusion"]) == ("failure", "success")
    assert "Does an earlier step check the repository out?" in missing["reason"]


def test_the_checkout_yields_work_tree_commits_and_history(run: Run, repository: Path) -> None:
    """Twice into one directory, clean or not; git works there, for the user of the steps and for root."""
    (repository / "old.txt").write_text("old\n")
    commit(repository, "second")
    subprocess.run(["git", "branch", "side", "HEAD~1"], cwd=repository, check=True)
    subprocess.run(["git", "tag", "v1", "HEAD"], cwd=repository, check=True)
    (repository / "old.txt").write_text("changed\n")

    told = run("checkout")

    assert told.said == [
        "2 kept= M old.txt log=second depth=1",
        "2 main " + head(repository),
        "4 left by a step, again changed",
        "6 gone, changed",
        "8 first, no old.txt, side",
        "10 second, depth 2, v1, origin/main origin/side",
    ]
    unknown = told.of("step_finished")[-1]
    assert unknown["reason"] == "The ref 'nowhere' is neither a branch nor a tag nor a commit of this clone."
    assert (unknown["outcome"], told.code) == ("failure", 0)


@pytest.fixture
def refusal(repository: Path, start: Callable[..., subprocess.Popen[str]]) -> Callable[[str], str]:
    """Run a workflow with one step that is refused, and give what is said of it."""

    def refuse(step: str, **files: str) -> str:
        for name, text in files.items():
            path = repository / name.replace("__", "/") / "action.yml"
            path.parent.mkdir(parents=True)
            path.write_text(text)
        text = f"on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      - {step}\n"
        (repository / ".github/workflows/ci.yml").write_text(text)
        process = start("run", "ci", "--output", "plain")
        output, complaints = process.communicate(timeout=60)
        assert process.returncode == 2, output + complaints
        return complaints

    return refuse


def test_what_cannot_be_run_is_refused_by_name_and_line_before_there_is_a_vm(refusal: Callable[..., str]) -> None:
    said = refusal("uses: octo/other/sub@v2")

    assert "does not run the action octo/other/sub@v2 yet" in said
    assert "ci.yml:6:15" in said
    assert "--action octo/other@v2=DIR" in said


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("uses: docker://alpine", "the Docker action docker://alpine"),
        ("{uses: actions/checkout@v4, with: {submodules: recursive}}", "'submodules: recursive'"),
        ("{uses: actions/checkout@v4, with: {repository: octo/x}}", "not 'octo/x'"),
        ("uses: $/nowhere", "There is no action.yml or action.yaml in '$/nowhere'"),
    ],
)
def test_refused_too(refusal: Callable[..., str], step: str, message: str) -> None:
    assert message in refusal(step)


def test_a_local_action_with_faults_is_told_before_there_is_a_vm(refusal: Callable[..., str]) -> None:
    """By its own file and line, also where another action uses it."""
    outer = "runs:\n  using: composite\n  steps:\n    - uses: ./bad\n"
    bad = "runs:\n  using: composite\n  steps:\n    - run: echo\n"

    said = refusal("uses: ./outer", outer=outer, bad=bad)

    assert "bad/action.yml:4:7" in said
    assert "shell" in said


def test_a_docker_action_in_the_work_tree_is_refused(refusal: Callable[..., str]) -> None:
    said = refusal("uses: ./box", box="name: x\ndescription: x\nruns: {using: docker, image: Dockerfile}\n")

    assert "does not run Docker actions yet" in said
    assert "box/action.yml:3" in said


def test_actions_that_nest_without_end_are_refused(refusal: Callable[..., str]) -> None:
    steps = "runs:\n  using: composite\n  steps:\n    - uses: $/{}\n"
    files = {f"a{number}": steps.format(f"a{number + 1}") for number in range(12)}

    assert "nested deeper than 10 levels" in refusal("uses: $/a0", **files, a12=steps.format("a0"))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("octo/x=/nowhere", "there is no directory /nowhere"),
        ("octo=.", "this maps nothing"),
        ("octo/x@v1", "this maps nothing"),
        ("octo/x@=.", "this maps nothing"),
    ],
)
def test_a_mapping_without_a_directory_is_wrong_usage(mapping: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_action_mappings([mapping])


def test_a_mapping_for_one_version_comes_before_one_for_any(tmp_path: Path) -> None:
    """Whatever the order on the command line, and whatever the case of the name."""
    for name in ("any", "one"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "action.yaml").write_text(name)
    mappings = parse_action_mappings([f"Octo/x={tmp_path / 'any'}", f"octo/X@feature/1={tmp_path / 'one'}"])
    store = LocalActions(Repository("a/own", "1"), tmp_path, mappings)

    found = [store.read(Repository("octo/x", ref), "") for ref in ("v1", "feature/1")]

    assert [file and file.text for file in found] == ["any", "one"]
    assert store.read(Repository("octo/y", "v1"), "") is None


def test_no_link_leads_out_of_a_mapped_directory(tmp_path: Path) -> None:
    """An excerpt of the file that it leads to would be shown."""
    (tmp_path / "secret").write_text("a key")
    for name in ("linked", "inside"):
        (tmp_path / "own" / name).mkdir(parents=True)
    (tmp_path / "own/linked/action.yml").symlink_to(tmp_path / "secret")
    (tmp_path / "own/action.yml").write_text("own")
    (tmp_path / "own/inside/action.yml").symlink_to("../action.yml")
    store = LocalActions(Repository("a/own", "1"), tmp_path / "own", ())
    found = [store.read(store.own, path) for path in ("linked", "..", "inside")]

    assert [file and file.text for file in found] == [None, None, "own"]
