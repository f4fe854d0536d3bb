"""From what a step uses to the action: read, and there in the job's root."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.executor.action_library import read_manifest
from terraphim_runner.executor.guest_file import FileTooLarge, read_file
from terraphim_runner.ports.action_store import ACTION_FILES, DOCKER_FILES, ActionFile
from terraphim_runner.ports.vm import TreePlacement
from terraphim_runner.workflow.action_reference import RepositoryAction, WorkspaceAction

if TYPE_CHECKING:
    from terraphim_runner.executor.action_library import ActionLibrary
    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.ports.vm import Root
    from terraphim_runner.workflow.action import Action
    from terraphim_runner.workflow.action_reference import ActionReference, Repository


_MAX_MANIFEST = 1024 * 1024


class ActionMissing(Exception):
    """What a step uses is not there; the message says what and where."""


@dataclass(frozen=True, slots=True)
class LoadedAction:
    """An action that can be run."""

    manifest: Action
    directory: str  # in the job's root
    home: Repository  # what `$/` refers to in its file
    is_remote: bool  # not of the workspace: `github.action_repository` and `action_ref` tell of it

    @property
    def github(self) -> dict[str, str | None]:
        """Give what of the `github` context is this action's."""
        return {
            "action_repository": self.home.name if self.is_remote else None,
            "action_ref": self.home.ref if self.is_remote else None,
        }


class ActionLoader:
    """Loads the actions of one job."""

    def __init__(self, library: ActionLibrary) -> None:
        """Ship nothing yet."""
        self._library = library
        self._shipments: dict[str, anyio.Lock] = {}  # by directory
        self._shipped: set[str] = set()

    async def load(self, reference: ActionReference, frame: JobFrame) -> LoadedAction:
        """Read the action; one of another place than the workspace is shipped into the root first, once.

        Raises:
            ActionMissing: there is none.
            WorkflowError: its file has faults, or it is a Docker action.
            MachineLost | GuestError | HostError: the VM or this machine failed.
        """
        match reference:
            case WorkspaceAction():
                return await self._load_local(reference, frame)
            case RepositoryAction() if self._library.store.has(reference.repository):
                return await self._load_remote(reference, frame)
            case RepositoryAction():
                raise ActionMissing(
                    f"The action {reference.repository} is not on this machine: get a copy of it and add "
                    f"--action {reference.repository}=DIR"
                )
            case _:
                raise ActionMissing("terraphim-runner does not run Docker actions yet")

    async def _load_local(self, reference: WorkspaceAction, frame: JobFrame) -> LoadedAction:
        directory = posixpath.normpath(posixpath.join(frame.place.workspace, reference.path))
        file = await _read(frame.root, directory, f"./{reference.path}")
        if file is None:
            raise ActionMissing(
                f"There is no action.yml, action.yaml or Dockerfile in {directory}. Does an earlier step check "
                "the repository out?"
            )
        return LoadedAction(read_manifest(file), directory, self._library.store.own, is_remote=False)

    async def _load_remote(self, reference: RepositoryAction, frame: JobFrame) -> LoadedAction:
        repository = reference.repository
        manifest = self._library.find(reference)
        if manifest is None:
            raise ActionMissing(f"There is no action.yml or action.yaml at '{reference.path}' in {repository}.")
        home = f"{frame.root.work_root}/_actions/{repository.name}/{repository.ref}"
        await self._ship(repository, home, frame.root)
        directory = posixpath.normpath(posixpath.join(home, reference.path))
        return LoadedAction(manifest, directory, repository, is_remote=True)

    async def _ship(self, repository: Repository, home: str, root: Root) -> None:
        async with self._shipments.setdefault(home, anyio.Lock()):
            if home in self._shipped:
                return
            try:
                tree = await self._library.store.tree(repository)
                await root.put_tree(tree, TreePlacement(home, user="runner"))
            except FileTransferFailed as error:
                raise ActionMissing(f"{repository} cannot be shipped: {error}") from error
            self._shipped.add(home)


async def _read(root: Root, directory: str, shown: str) -> ActionFile | None:
    for name in (*ACTION_FILES, *DOCKER_FILES):
        try:
            content = await read_file(root, f"{directory}/{name}", limit=_MAX_MANIFEST)
        except FileTransferFailed:
            continue
        except FileTooLarge as error:
            raise ActionMissing(str(error)) from error
        text = content.decode("utf-8", errors="replace") if name in ACTION_FILES else None
        return ActionFile(posixpath.join(shown, name), text)
    return None
