"""Code closure: which source files a piece of code depends on, and a hash of what each of them *does*.

The walk follows ``import`` statements (also those inside functions) without importing anything. A file's hash is taken
over its syntax tree without docstrings, comments and layout, so that only a change of code changes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from datasets.files import sha256_of

#: Never part of a closure: they move bytes, talk to users, record or compare; no weight or frame depends on them.
PLUMBING = (
    "bench.animate", "bench.api", "bench.cli", "bench.closure", "bench.config", "bench.errors", "bench.identity",
    "bench.inputs", "bench.loading", "bench.locks", "bench.outcome", "bench.progress", "bench.protocols",
    "bench.record", "bench.registry", "bench.run", "bench.spec", "bench.store", "bench.tracking",
    "bench.trainlog", "bench.weights", "datasets.errors", "datasets.files", "datasets.weights",
    "leaderboard", "sweeps",
)  # fmt: skip
#: The suite's packages; their own ``__init__`` only name things.
OURS = ("bench", "methods", "datasets")


def code_closure(roots: Iterable[str], exclude: Iterable[str] = ()) -> dict[str, str]:
    """Module -> hash of its code, for ``roots`` and everything they import from the suite or from their own package.

    Args:
        roots: module names; each root's top-level package counts as its own.
        exclude: further modules (with their submodules) to leave out, beside :data:`PLUMBING`.
    """
    roots = list(roots)
    packages = {name: _top_folders(name) for name in (*OURS, *(root.partition(".")[0] for root in roots))}
    left_out = (*PLUMBING, *exclude)
    found: dict[str, str] = {}
    queue = list(roots)
    while queue:
        name = queue.pop()
        if name in found or name in OURS or name.partition(".")[0] not in packages or _below(name, left_out):
            continue
        path = _source(name, packages[name.partition(".")[0]])
        if path is None:
            continue
        found[name], imports = _read(path, name)
        queue += imports
        queue += _parents(name)  # a package's __init__ runs as well
    return dict(sorted(found.items()))


def _below(name: str, modules: Iterable[str]) -> bool:
    return any(name == m or name.startswith(m + ".") for m in modules)


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _top_folders(package: str) -> tuple[Path, ...]:
    """Where a top-level package lies (asking about a top-level name imports nothing)."""
    spec = find_spec(package)
    if spec is None:
        return ()
    if spec.submodule_search_locations:
        return tuple(Path(p) for p in spec.submodule_search_locations)
    return (Path(spec.origin),) if spec.origin and spec.origin.endswith(".py") else ()


def _source(name: str, folders: Iterable[Path]) -> Path | None:
    """The source file of a module whose package lies in ``folders``, or None where ``name`` is no module (an attribute,
    a compiled extension)."""
    rest = name.partition(".")[2]
    for folder in folders:
        if folder.suffix == ".py":
            return None if rest else folder
        base = folder.joinpath(*rest.split(".")) if rest else folder
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return path
    return None


def _read(path: Path, name: str) -> tuple[str, tuple[str, ...]]:
    stat = path.stat()
    return _parse(path, name, stat.st_mtime_ns, stat.st_size)


@cache
def _parse(path: Path, name: str, _mtime: int, _size: int) -> tuple[str, tuple[str, ...]]:
    """Hash of a file's code and the names it imports. The last two arguments only make the cache notice an edit."""
    tree = ast.parse(path.read_bytes())
    imports = tuple(_imports(tree, name, is_package=path.name == "__init__.py"))
    return sha256_of(_dump(tree)), imports


def _imports(tree: ast.AST, name: str, is_package: bool) -> Iterator[str]:
    for node in _running_code(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                kept = parts[: len(parts) - node.level + is_package]
                base = ".".join([*kept, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)  # a submodule, or an attribute


def _running_code(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but the bodies of ``if TYPE_CHECKING``."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in (
            getattr(child.test, "id", ""),
            getattr(child.test, "attr", ""),
        ):
            for other in child.orelse:
                yield from _running_code(other)
        else:
            yield from _running_code(child)


def _dump(node: object) -> str:
    """Text of a syntax tree without positions and docstrings, the same under every supported Python: empty fields are
    left out, because each version adds some."""
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__}:{node.value!r}"
    if isinstance(node, ast.AST):
        fields = ((name, _without_docstring(node, name, value)) for name, value in ast.iter_fields(node))
        return f"{type(node).__name__}({','.join(f'{n}={_dump(v)}' for n, v in fields if v is not None and v != [])})"
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    return repr(node)


def _without_docstring(node: ast.AST, name: str, value: object) -> object:
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    if documented and name == "body" and isinstance(value, list) and value:
        first = value[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            return value[1:]
    return value
