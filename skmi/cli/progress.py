"""Progress bar of the command line, on a terminal, for what takes long."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["Progress", "progress_bar"]

PATIENCE = 2.0  # seconds before the bar appears

INTERVAL = 0.2  # seconds between its updates

WIDTH = 24  # characters of the bar


class Progress:
    """Share of the work that is done, and what is being done.

    Parameters
    ----------
    stream : file
        Terminal that shows the bar.
    """

    def __init__(self, stream: TextIO):
        self.stream, self.start = stream, time.monotonic()
        self.share, self.text, self.shown = 0.0, "", 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def advance(self, share: float, text: str) -> None:
        """Set the share of the work that is done, from 0 to 1, and what is next."""
        self.share, self.text = share, text

    def _run(self) -> None:
        if self.done.wait(PATIENCE):
            return
        while not self.done.is_set():
            self._show(self.line())
            self.done.wait(INTERVAL)
        self._show("")

    def line(self) -> str:
        """Return the bar."""
        full = round(self.share * WIDTH)
        seconds = time.monotonic() - self.start
        bar = "#" * full + "." * (WIDTH - full)
        return f"[{bar}] {self.share:4.0%} {seconds:4.0f} s  {self.text}"

    def _show(self, text: str) -> None:
        """Replace what is shown."""
        self.stream.write("\r" + text.ljust(self.shown) + "\r" * (not text))
        self.stream.flush()
        self.shown = len(text)


class Silent:
    """Progress that nobody sees."""

    def advance(self, share: float, text: str) -> None:
        """Do nothing."""


@contextmanager
def progress_bar() -> Iterator[Any]:
    """Show a bar on standard error if it is a terminal and the work takes long."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    progress = Progress(sys.stderr)
    progress.thread.start()
    try:
        yield progress
    finally:
        progress.done.set()
        progress.thread.join()
