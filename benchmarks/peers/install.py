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


def install(name, packages):
    """Make the environment of one module; return whether pip succeeded."""
    folder = ENVIRONMENTS / name
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "-q"]
    command += ["-c", ROOT / "constraints.txt", *packages]
    done = subprocess.run(command)
    if done.returncode == 0:
        (folder / "installed").write_text("\n".join(packages), encoding="utf-8")
    return done.returncode == 0


def main():
    """Install those that are named, or all."""
    known = peers()
    for name in sys.argv[1:] or known:
        if python_of(name) is None:
            done = install(name, known[name]["install"])
            print(name, "installed" if done else "left out", flush=True)


if __name__ == "__main__":
    main()
