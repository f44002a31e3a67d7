"""The tables that scripts declare, found without importing the scripts."""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SUBJECTS = ("accuracy", "inference", "selection", "speed", "papers")


@dataclass(frozen=True)
class Table:
    """One table: the module that writes it, its data, its arguments by size."""

    name: str
    module: str
    about: str
    data: str
    sizes: dict[str, str]


def literal(tree, name):
    """Return a literal that a parsed module assigns to a name, or None."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return None


@functools.cache
def tables():
    """Return all declared tables by name."""
    found = {}
    for subject in SUBJECTS:
        for path in sorted((FOLDER / subject).glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            declared = literal(tree, "BENCHMARK")
            if declared is None:
                continue
            module = f"benchmarks.{subject}.{path.stem}"
            about = ast.get_docstring(tree).splitlines()[0]
            for name, sizes in declared["tables"].items():
                if name in found:
                    raise ValueError(f"{found[name].module} declares {name!r} too")
                data = declared["data"]
                found[name] = Table(name, module, about, data, sizes)
    return found
