"""Make an environment for each package of the leaderboard, below .venv-peers.

python -m benchmarks.peers.install [NAME ...]

Versions are those of constraints.txt, torch's build for CPUs among them. A package that
cannot be installed so is left out, and the leaderboard says so.
"""

import ast
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks import registry

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
ENVIRONMENTS = ROOT / ".venv-peers"


def peers():
    """Return what each module of this folder declares, without importing it."""
    trees = {
        path.stem: ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.py"))
    }
    found = {name: registry.literal(tree, "PEER") for name, tree in trees.items()}
    return {name: peer for name, peer in found.items() if peer}


def python_of(name):
    """Return the interpreter that runs a module, or None where there is none."""
    if not peers()[name]["install"]:
        return Path(sys.executable)
    folder = ENVIRONMENTS / name
    return folder / "bin" / "python" if (folder / "installed").exists() else None


def install(name, peer):
    """Make the environment of one module; return whether pip succeeded."""
    folder = ENVIRONMENTS / name
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip"]
    constraints = ["-c", ROOT / "constraints.txt"]
    steps = [[*pip, "install", "-q", *constraints, *peer["install"]]]
    if "remove" in peer:
        steps.append([*pip, "uninstall", "-q", "-y", *peer["remove"]])
    succeeded = all(subprocess.run(step).returncode == 0 for step in steps)
    if succeeded:
        text = "\n".join(peer["install"])
        (folder / "installed").write_text(text, encoding="utf-8")
    return succeeded


def main():
    """Install those that are named, or all."""
    known = peers()
    unknown = {*sys.argv[1:]} - known.keys()
    if unknown:
        sys.exit(f"no module {sorted(unknown)}: there are {sorted(known)}")
    for name in sys.argv[1:] or known:
        if python_of(name) is None:
            done = install(name, known[name])
            print(name, "installed" if done else "left out", flush=True)


if __name__ == "__main__":
    main()
