"""A progress bar on stderr, shown on a terminal only and gone when its work is done."""

from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """One bar; `unit` is `bytes` or a word for what is counted."""

    def __init__(self, what: str, *, unit: Literal["bytes", "entries"], total: int | None = None) -> None:
        self._progress = _make(unit)
        self._task = self._progress.add_task(what, total=total, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def move(self, done: int, total: int | None = None, note: str = "") -> None:
        """Show this much of `total` done."""
        if total is None:
            self._progress.update(self._task, completed=done, note=note)
        else:
            self._progress.update(self._task, completed=done, total=total, note=note)


def _make(unit: str) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    counter = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        counter,
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not console.is_terminal,
    )
