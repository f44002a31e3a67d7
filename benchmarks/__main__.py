"""Run the benchmarks and write the pages that show them, from the root of a clone.

python -m benchmarks --list
python -m benchmarks run NAME --size small --seeds 3
python -m benchmarks run all --size small
python -m benchmarks table NAME
python -m benchmarks report
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import registry, report
from benchmarks.tables import RESULTS, read_header, read_table


def make_parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--list", action="store_true", help="list the tables")
    commands = parser.add_subparsers(dest="command")
    run = commands.add_parser("run", help="write one table, or all of a size")
    run.add_argument("name", help='a table of --list, or "all"')
    run.add_argument("--size", default="cpu", choices=["small", "cpu", "gpu"])
    run.add_argument("--seeds", type=int)
    run.add_argument("--first-seed", type=int)
    run.add_argument("--data", help="a file of data, where the script wants one")
    run.add_argument(
        "--out",
        type=Path,
        help="a file; by default the kept table, or one in the folder for temporary"
        " files where the size is small or other arguments are passed",
    )
    table = commands.add_parser("table", help="print a kept table")
    table.add_argument("name")
    commands.add_parser("report", help="write the pages")
    return parser


def list_tables():
    """Print each table: its subject, data, CPU time, the arguments of its sizes."""
    total = 0
    for table in registry.tables().values():
        print(f"{table.name}\n    {table.about}\n    data: {table.data}")
        for size, words in table.sizes.items():
            print(f"    {size}: {words or 'no arguments'}")
        path = RESULTS / f"{table.name}.csv"
        seconds = read_header(path).get("cpu_seconds") if path.exists() else None
        if seconds:
            total += float(seconds)
            print(f"    kept table: {float(seconds) / 60:.1f} CPU minutes")
    print(f"all kept tables: {total / 3600:.1f} CPU hours")


def run_table(table, options, others):
    """Run the script of a table with other arguments too; return its exit status."""
    words = ["--table", table.name, "--size", options.size]
    for name in ("seeds", "first_seed", "data", "out"):
        if getattr(options, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    command = [sys.executable, "-m", table.module, *words, *others]
    return subprocess.run(
        command, env={"OMP_NUM_THREADS": "1", **os.environ}
    ).returncode


def run(options, others):
    """Run one table or all; return the number that failed."""
    known = registry.tables()
    if options.name != "all" and options.name not in known:
        sys.exit(f"no table {options.name!r}: see python -m benchmarks --list")
    names = list(known) if options.name == "all" else [options.name]
    own = ("seeds", "first_seed", "data", "out")
    if options.name == "all" and any(getattr(options, key) is not None for key in own):
        sys.exit("run all takes no other argument than --size: run tables one by one")
    failed = []
    for name in names:
        if options.name == "all" and options.size not in known[name].sizes:
            continue
        start = time.monotonic()
        if run_table(known[name], options, others):
            failed.append(name)
        if options.name == "all":
            print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        print("failed:", *failed, file=sys.stderr)
    return len(failed)


def print_table(name):
    """Print the header of a kept table and its rows in columns."""
    path = RESULTS / f"{name}.csv"
    if not path.exists() and name not in registry.tables():
        sys.exit(f"no table {name!r}: see python -m benchmarks --list")
    if not path.exists():
        sys.exit(f"{name}: not run; python -m benchmarks run {name} writes it")
    header, rows = read_header(path), read_table(path)
    for key, text in (header or {"commit": "not recorded"}).items():
        print(f"{key}: {text}")
    if not rows:
        sys.exit(f"{name}: no rows")
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(*cells, sep="  ")


def main():
    """Carry out one command."""
    parser = make_parser()
    options, others = parser.parse_known_args()
    if others and getattr(options, "name", "all") == "all":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if options.list:
        list_tables()
    elif options.command == "run":
        return run(options, others)
    elif options.command == "table":
        print_table(options.name)
    elif options.command == "report":
        report.write_pages()
    else:
        parser.print_help()
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):  # end quietly where a reader has enough
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
