"""What the demo looks like. The only file that knows rich."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

WIDEST = 110
"""Longer lines are hard to read, however wide the terminal."""

PLAIN_WIDTH = 1 << 16
"""Where nobody looks, whatever COLUMNS says: what is searched for stands on one line."""

MARGIN = 3
TIME_WIDTH, WHO_WIDTH = 9, 7

THEME = Theme({
    "title": "bold", "number": "bold cyan", "why": "dim", "time": "dim", "command": "bold",
    "prompt": "green", "good": "bold green", "bad": "bold red", "label": "dim",
    "loud": "bold yellow", "value": "bold",
    "who.answer": "green", "who.get": "blue", "who.syslog": "yellow", "who.server": "magenta",
    "who.unit": "cyan", "rule": "cyan",
})


class Screen:
    """Prints: with colours and a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, file: TextIO | None = None, *, color: bool = True) -> None:
        """color: False for plain text on a terminal too."""
        file = file or sys.stdout
        reconfigure = getattr(file, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
        self.is_live = color and file.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        console = Console(
            file=file, theme=THEME, highlight=False, soft_wrap=False, emoji=False, markup=False,
            force_terminal=self.is_live, color_system="auto" if self.is_live else None,
            width=None if file.isatty() else PLAIN_WIDTH)
        self._console = console
        self._is_ascii = console.options.ascii_only

    @property
    def width(self) -> int:
        """How wide a line may be, as the terminal is now."""
        if self._console.file.isatty():
            return min(self._console.width, WIDEST)
        return self._console.width

    def print(self, *lines: object) -> None:
        """Print lines as they are."""
        for line in lines:
            self._console.print(line, width=self.width)

    def head(self, title: str, why: str) -> None:
        """Print what the demo is."""
        self.print("", Text(title, "title"), Text(why, "why"))

    def step(self, number: int, title: str, why: str) -> None:
        """Print the head of a step: a sentence, and why it is so."""
        rule = Rule(Text.assemble((f" {number} ", "number"), (title, "title")),
                    align="left", style="rule", characters="-" if self._is_ascii else "─")
        self._console.print("")
        self._console.print(rule, width=min(self.width, WIDEST))
        if why:
            self.print(Padding(Text(why, "why"), (0, 0, 0, MARGIN), expand=False))

    def command(self, lines: Sequence[str]) -> None:
        """Print a command as it would be typed."""
        for place, line in enumerate(lines):
            prompt = "  " if place else "$ "
            self._console.print(
                Text(" " * MARGIN + prompt, "prompt").append(line, "command"),
                soft_wrap=True)

    def line(self, when: str, who: str, text: str, style: str = "") -> None:
        """Print what somebody said, and when."""
        row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        row.add_column(width=TIME_WIDTH, justify="right", no_wrap=True)
        row.add_column(width=WHO_WIDTH, no_wrap=True)
        row.add_column(overflow="fold")
        words = Text(text, style)
        words.highlight_regex(r"(?<= )3(03|10)-.*", "loud")
        words.highlight_regex(r"(?<= = ).*|^TLSv[0-9.]+ \w+", "value")
        row.add_row(Text(when, "time"), Text(who, f"who.{who}"), words)
        self.print(row)

    def table(self, title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table; the first column holds labels."""
        table = Table(
            title=Text(title, "why"), title_justify="left", border_style="rule",
            box=box.ASCII2 if self._is_ascii else box.ROUNDED, header_style="title")
        for place, head in enumerate(heads):
            table.add_column(head, style="" if place else "label", overflow="fold")
        for cells in rows:
            table.add_row(*(Text(cell, _style(cell)) for cell in cells))
        self.print(Padding(table, (0, 0, 0, MARGIN), expand=False))

    def end(self, text: str, *, good: bool) -> None:
        """Print how it came out."""
        mark = ("ok" if good else "failed") if self._is_ascii else ("✔" if good else "✘")
        self.print("", Text.assemble((f"{mark} ", "good" if good else "bad"), text))

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Turn a spinner while something is awaited."""
        if not self.is_live:
            yield
            return
        with self._console.status(Text(what, "why"), spinner="dots"):
            yield


def span(seconds: float) -> str:
    """Write a time that counts from something."""
    if seconds < 1:
        return f"+{seconds * 1000:.0f} ms"
    return f"+{seconds:.2f} s"


def _style(cell: str) -> str:
    return {"up": "good", "down": "bad"}.get(cell, "")
