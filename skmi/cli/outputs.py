"""Files that the command line writes: tried before the work, never over the table."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from skmi.cli.reading import STREAM, TableError

__all__ = ["check_outputs", "opened", "write_record"]


def check_outputs(table: str | None, outputs: dict[str, str | None]) -> None:
    """Raise where a result could not be written, or would replace the table.

    Parameters
    ----------
    table : str or None
        Path of the table.
    outputs : dict of str to (str or None)
        Path of each option.
    """
    taken = {} if table in (None, STREAM) else {"the table": table}
    for option, path in outputs.items():
        if not path:
            continue
        for other, used in taken.items():
            if is_same(path, used):
                raise TableError(
                    f"{option} {path} would overwrite {other}; name another file"
                )
        taken[option] = path
        if path != STREAM:
            try_to_write(Path(path), option)


def is_same(first: str, second: str) -> bool:
    """Whether two paths are one file, by any link."""
    if STREAM in (first, second):
        return first == second
    with contextlib.suppress(OSError):
        if os.path.samefile(first, second):
            return True
    return Path(first).resolve() == Path(second).resolve()


def try_to_write(path: Path, option: str) -> None:
    """Open a file for writing and leave everything as it was."""
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TableError(f"{option} cannot write to {path}: {reason}") from None


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file for writing, or standard output for "-"."""
    if path != STREAM:
        with Path(path).open("wb") as file:
            yield file
        return
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def write_record(record: dict[str, Any], path: str) -> None:
    """Write a record as JSON."""
    text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    if path == STREAM:
        sys.stdout.write(text)
        return
    with opened(path) as file:
        file.write(text.encode())
