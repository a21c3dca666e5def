"""A bar on the terminal for whoever waits for a job: percent and octets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """Shows what the console tells of jobs, where stderr is a terminal; leaves nothing behind."""

    def __init__(self, console: Any = None) -> None:
        """console: rich's; None is stderr's."""
        self._console = console
        self._is_on = console is not None or sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._job = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def moved(self, told: dict[str, Any]) -> None:
        """Show where a job is: its name, percent and octets."""
        if not self._is_on:
            return
        job, percent, octets = str(told["job"]), int(told["percent"]), int(told["octets"])
        progress = self._progress or self._begin()
        if self._task is None or job != self._job:
            if self._task is not None:
                progress.remove_task(self._task)
            self._job, self._task = job, progress.add_task(
                job, total=None, percent="")
        total = octets * 100 / percent if percent else None
        progress.update(self._task, completed=octets, total=total,
                        percent=f"{percent} %" if percent else "")

    def _begin(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, FileSizeColumn, Progress, TextColumn
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[percent]}"),
            FileSizeColumn(), console=self._console or Console(stderr=True), transient=True)
        self._progress.start()
        return self._progress
