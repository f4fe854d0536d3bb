"""What the steps of one list see: contexts, functions, environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.ident import StepPlace
from terraphim_runner.executor.file_hash import FileHashes, FilesNotHashed
from terraphim_runner.executor.frame import status_functions
from terraphim_runner.executor.github_context import (
    default_environment,
    github_environment,
    job_context,
    runner_environment,
    with_token,
)
from terraphim_runner.executor.scope import run_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.executor.job_state import JobState
    from terraphim_runner.executor.record import StepsRecord
    from terraphim_runner.executor.step_environment import StepEnvironment
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.expressions.value import Value
    from terraphim_runner.workflow.action_reference import Repository

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepScope:
    """Where a step stands: in a job, in the job's own list of steps or in that of a composite action."""

    frame: JobFrame
    state: JobState
    record: StepsRecord  # of the steps in this list
    environment: StepEnvironment  # what the steps of the job have set; a background step's own
    inputs: Value
    env: Mapping[str, str] = field(default_factory=dict)  # of the step, and of the `uses` steps around it
    github: Mapping[str, Any] = field(default_factory=dict)  # what differs from the job's `github` context
    trail: tuple[str, ...] = ()  # the ids of the steps whose composite actions this is in, outermost first
    home: Repository | None = None  # of the file that the step is written in; None: the workflow's
    is_around: bool = False  # before or after the main steps: the status functions ask about the job
    is_after_cancel: bool = False  # in a composite action that began when the job was cancelled already
    hashes: FileHashes | None = None  # what was hashed since this step's turn began
    place: StepPlace | None = None  # of the job's step that this is, or is in

    @property
    def origin(self) -> StepPlace:
        """Whose the commands are that are executed here: the job's own as long as no step has begun."""
        return self.place or StepPlace(self.frame.key, 0)

    @property
    def is_nested(self) -> bool:
        """Whether the step is in a composite action."""
        return bool(self.trail)

    def at_step(self) -> StepScope:
        """Give the scope for a step whose turn begins: files may have changed, and are hashed once for it."""
        return replace(self, hashes=FileHashes(self.frame.root, self.frame.place.workspace))

    def with_step(
        self, *, env: Mapping[str, str] | None = None, github: Mapping[str, Any] | None = None
    ) -> StepScope:
        """Give the scope of one step: with its own `env`, and what of `github` is its own."""
        return replace(self, env={**self.env, **(env or {})}, github={**self.github, **(github or {})})

    def nested(
        self, step_id: str, record: StepsRecord, *, inputs: Value, github: Mapping[str, Any], home: Repository
    ) -> StepScope:
        """Give the scope of the steps of the composite action, of the repository `home`, that a step uses."""
        return replace(
            self,
            trail=(*self.trail, step_id),
            record=record,
            inputs=inputs,
            github={**self.github, **github},
            home=home,
            is_after_cancel=self.frame.cancellation.is_requested,
        )

    def around(self) -> StepScope:
        """Give the scope of what comes before or after the main steps, in the same place."""
        return replace(self, is_around=True)

    async def evaluate(self, function: Callable[[Scope], T]) -> T:
        """Call `function` with what expressions see now.

        It is called again when files had to be hashed for it, so it must do nothing but compute.

        Raises:
            WorkflowError | ExpressionError: what `function` raises.
            MachineLost | GuestError: the VM failed while files were hashed.
        """
        hashes = self.hashes or FileHashes(self.frame.root, self.frame.place.workspace)
        while True:
            functions = {**self._status_functions(), "hashFiles": hashes.function}
            try:
                return function(run_scope(self._contexts(), functions))
            except FilesNotHashed as missing:
                await hashes.add(missing.patterns, self.origin)

    def variables(self) -> dict[str, str]:
        """Give the whole environment of a command; later sources override earlier ones."""
        contexts = {**github_environment(self._github()), **runner_environment(self._runner())}
        given = default_environment(image=self.frame.image, tracking_id=self.state.tracking_id)
        environment = {**self.frame.root.environment, **given, **self.env_context(), **contexts}
        if self.environment.path:
            environment["PATH"] = ":".join([*self.environment.path, environment.get("PATH", "")])
        return environment

    def env_context(self) -> dict[str, str]:
        """Give the `env` context."""
        return {**self.frame.run.env, **self.frame.env, **self.environment.variables, **self.env}

    def _status_functions(self) -> dict[str, Callable[..., Value]]:
        status = self.state.record.status if self.is_around else self.record.status
        functions = status_functions(status, self.frame.cancellation)
        if self.is_after_cancel and not self.is_around:  # there the steps ask about the action alone, as on GitHub
            functions["success"] = lambda: status is Conclusion.SUCCESS
            functions["failure"] = lambda: status is Conclusion.FAILURE
        return functions

    def _github(self) -> dict[str, Any]:
        github = {**with_token(self.frame.github, self.frame.secrets), **self.github}
        if self.is_nested:
            github["action_status"] = self.record.status.value
        return github

    def _contexts(self) -> dict[str, Any]:
        frame = self.frame
        return {
            "github": self._github(),
            "env": self.env_context(),
            "job": job_context(frame.github, file=frame.workflow.file, status=self._job_status()),
            "steps": self.record.as_context(),
            "runner": self._runner(),
            "secrets": frame.secrets,
            "vars": frame.variables,
            "strategy": frame.strategy,
            "matrix": frame.matrix,
            "needs": {job: needed.as_context() for job, needed in frame.needs.items()},
            "inputs": self.inputs,
        }

    def _runner(self) -> dict[str, str]:
        return {**self.frame.runner, **({"debug": "1"} if self.frame.is_debugging else {})}

    def _job_status(self) -> str:
        return "cancelled" if self.frame.cancellation.is_requested else self.state.record.status.value
