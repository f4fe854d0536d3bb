"""What steps reported of files and lines, kept for the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.cli.phrase import one_line

if TYPE_CHECKING:
    from terraphim_runner.domain.event import Annotation, AnnotationLevel, RunFinished, SourcePlace

_MOST = 50  # GitHub shows no more of a run


class AnnotationList:
    """The first annotations of a run."""

    def __init__(self) -> None:
        """Start empty."""
        self._kept: list[Annotation] = []
        self._count = 0

    def add(self, annotation: Annotation) -> None:
        """Take one; what is beyond fifty is only counted."""
        self._count += 1
        if len(self._kept) < _MOST:
            self._kept.append(annotation)

    def lines(self, result: RunFinished) -> list[tuple[AnnotationLevel, str]]:
        """Give a line for each, without those that the result tells anyway as the reason of a failed step."""
        reasons = {(job.key, step.number, step.reason) for job in result.jobs for step in job.steps}
        return [
            (each.level, _line(each)) for each in self._kept if (each.job, each.step, each.message) not in reasons
        ]

    @property
    def left_out(self) -> int:
        """How many there were beyond those kept."""
        return self._count - len(self._kept)


def _line(annotation: Annotation) -> str:
    where = _where(annotation.place) if annotation.place else f"{annotation.job}/{annotation.step}"
    title = f"{annotation.title}: " if annotation.title else ""
    return f"{one_line(where)}: {one_line(title + annotation.message)}"


def _where(place: SourcePlace) -> str:
    numbers = [str(number) for number in (place.line, place.column) if number is not None]
    return ":".join([place.file, *numbers])
