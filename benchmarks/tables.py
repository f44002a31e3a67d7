"""Tables of results: the arguments of a run, writing with a header, reading.

A script declares its tables in one literal, which is read without importing it:

    BENCHMARK = {
        "data": "drawn",
        "tables": {"growth": {"small": "--seeds 1", "cpu": "--seeds 5"}},
    }

``parse`` adds ``--table``, ``--size`` and ``--out`` to its own arguments: those of the
size come first, what is passed on the command line overrides them. Another size than
the one that pages show, digits in the place of MNIST, or an argument that is overridden
make a trial: its table is a temporary file.
"""

import atexit
import csv
import datetime
import functools
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
UNFINISHED = "# state: unfinished\n"
NOT_OVERRIDING = ("--table", "--size", "--data", "--strange", "--tables")
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")
_run = {}  # what this process runs, for the header


def parse(parser, benchmark, argv=None):
    """Return the options of a run: those of its size, then those passed."""
    tables = benchmark["tables"]
    parser.add_argument("--table", choices=tables, default=next(iter(tables)))
    sizes = sorted({size for table in tables.values() for size in table})
    usual = "cpu" if "cpu" in sizes else sizes[0]
    parser.add_argument("--size", choices=sizes, default=usual)
    parser.add_argument("--out", type=Path)
    if benchmark["data"].startswith("MNIST"):
        parser.add_argument(
            "--data",
            default=os.environ.get("SKMI_MNIST", "openml"),
            help='an .npz file, "openml", or "digits" for a trial',
        )
    words = list(sys.argv[1:] if argv is None else argv)
    if words and not words[0].startswith("-"):  # a leading word selects a table as well
        for name, table in tables.items():
            if shlex.split(next(iter(table.values())))[:1] == words[:1]:
                words[:1] = ["--table", name]
    chosen = type(parser)(add_help=False)
    chosen.add_argument("--table", default=next(iter(tables)))
    chosen.add_argument("--size", default=usual)
    name, size = vars(chosen.parse_known_args(words)[0]).values()
    if size not in tables.get(name, {}):
        parser.error(f"table {name!r} has no size {size!r}")
    options = parser.parse_args([*shlex.split(tables[name][size]), *words])
    if options.out and not options.out.absolute().parent.is_dir():
        parser.error(f"there is no folder {options.out.absolute().parent}")
    data = getattr(options, "data", None)
    if data not in (None, "openml", "digits") and not Path(data).exists():
        sys.exit(
            f"there is no file {data}: pass --data FILE, or --data digits for a trial"
        )
    folder = getattr(options, "tables", None)
    if folder and not folder.is_dir():
        sys.exit(f"there is no folder {folder}: pass --tables FOLDER")
    if not options.out:
        shown = "cpu" if "cpu" in tables[name] else "gpu"
        is_trial = size != shown or data == "digits" or overrides(words)
        options.out = default_path(name, is_trial=is_trial)
        print("writes", options.out, file=sys.stderr)
    _run.update(
        table=name, size=size, start=time.time(), words=words, kept=tables[name][size]
    )
    atexit.register(finish)
    sys.excepthook = fail
    if hasattr(options, "seeds"):
        _run["seeds"] = str(options.seeds)
        if hasattr(options, "first_seed"):  # other scripts have seeds of their own
            _run["seeds"] += f" from {options.first_seed}"
    return options


def fail(*error):
    """Print an error that ends the run, and leave its tables unfinished."""
    _run["failed"] = True
    sys.__excepthook__(*error)


def finish():
    """Say in the headers of the tables that the run came to its end."""
    for path in () if _run.get("failed") else _run.get("written", ()):
        header, rows = read_lines(path)
        lines = [line for line in header if line != UNFINISHED]
        Path(path).write_text("".join([*lines, *rows]), encoding="utf-8")


def overrides(words):
    """Whether arguments of a size are overridden."""
    return any(
        word.startswith("--") and word.split("=")[0] not in NOT_OVERRIDING
        for word in words
    )


def default_path(name, *, is_trial):
    """Return where a table goes: the kept one, or a temporary one of a trial."""
    if is_trial:
        folder = Path(tempfile.gettempdir()) / "skmi-benchmarks"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.csv"
    return RESULTS / f"{name}.csv"


@functools.cache
def git(*words):
    """Return what git says in the folder of the library that is imported, or ""."""
    import skmi

    folder = Path(skmi.__file__).parent
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def commit():
    """Return the commit of the library, with "+" where it was changed since."""
    changed = "+" if git("status", "--porcelain", "--", ".") else ""
    return (git("rev-parse", "--short=10", "HEAD") or "not recorded") + changed


def library_version():
    """Return the version of the library and the last commit that changed it."""
    from skmi import __version__

    last = git("log", "-1", "--format=%h", "--abbrev=7", "--", ".")
    return f"{__version__} {last}".strip()


def version_of(package):
    """Return the version of a package that is installed, or "none"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def elapsed():
    """Return the seconds since this process read its arguments."""
    return time.time() - _run.get("start", time.time())


def make_header():
    """Return what a table says of how it was made."""
    from skmi import __version__

    words = shlex.join(_run.get("words", sys.argv[1:]))
    return {
        "table": _run.get("table", "not declared"),
        "size": f"{_run.get('size', 'none')}: {_run.get('kept', '')}".strip(": "),
        "passed": words or "nothing",
        "seeds": _run.get("seeds", "fixed"),
        "skmi": f"{__version__}, commit {commit()}",
        "library": library_version(),
        "versions": ", ".join(
            [f"python {platform.python_version()}"]
            + [f"{name} {version_of(name)}" for name in PACKAGES]
        ),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "seconds": f"{_run.get('seconds', 0) + elapsed():.0f}",
        "cpu_seconds": f"{_run.get('cpu_seconds', 0) + sum(os.times()[:4]):.0f}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    } | ({"other rows": _run["others"]} if "others" in _run else {})


def write_table(path, rows):
    """Write dictionaries with the same keys as a table, below its header.

    In a run that began with ``parse`` the table is unfinished until that run ends.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        if "start" in _run:
            _run.setdefault("written", set()).add(path)
            file.write(UNFINISHED)
        file.writelines(f"# {key}: {text}\n" for key, text in make_header().items())
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_lines(path):
    """Return the lines of the header and those of the table."""
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    n_header = next(
        (i for i, line in enumerate(lines) if not line.startswith("# ")), len(lines)
    )
    return lines[:n_header], lines[n_header:]


def read_table(path):
    """Read a table back as dictionaries of text."""
    rows = list(csv.DictReader(read_lines(path)[1]))
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise ValueError(f"{path}, row {number}: not as many cells as columns")
    return rows


def kept_rows(path, *, of_any_version=False):
    """Return the rows that are there, so that a run that was cut off goes on.

    Rows of another version of the library are left, unless each says its version. The
    seconds of the header go on too.
    """
    if not path.exists():
        return []
    header = read_header(path)
    is_same = header.get("library") == library_version()
    for key in ("seconds", "cpu_seconds"):
        _run[key] = float(header.get(key, 0)) if is_same else 0
    if not (is_same or of_any_version):
        return []
    rows = read_table(path)
    if not is_same or "other rows" in header:
        _run["others"] = header.get("other rows", f"of {header.get('skmi')}")
    return rows


def read_header(path):
    """Return the header of a table; empty where it was written without one."""
    pairs = (line[2:].rstrip("\n").split(": ", 1) for line in read_lines(path)[0])
    return dict(pairs)
