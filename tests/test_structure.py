"""The shape of the code: who imports whom, sizes, instant commands, no hosts of registries in the repository."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bench", "methods", "datasets", "leaderboard", "sweeps")
MAX_FILE, MAX_FUNCTION = 500, 80
#: What ``methods`` may see of ``datasets``: the shared types, the errors, paths and hashes of files, and the networks
#: that methods may train with (no judge is among them).
SEEN_BY_METHODS = {"datasets.base", "datasets.errors", "datasets.files", "datasets.annotators.training"}
#: What ``bench`` may see of the others: interfaces and readers, never a concrete method or data set.
SEEN_BY_BENCH = {
    "methods.base", "datasets.base", "datasets.errors", "datasets.files", "datasets.clips", "datasets.memory",
    "datasets.annotations",
    "datasets.letterbox", "datasets.video", "datasets.video_write", "datasets.weights",
    "datasets.store.card", "datasets.store.items", "datasets.store.prepare", "datasets.store.verify",
    "datasets.annotators.base", "datasets.annotators.cards", "datasets.annotators.run",
}  # fmt: skip
HEAVY = {"torch", "torchvision", "cv2", "av", "pandas", "scipy", "wandb"}


@cache
def modules() -> dict[str, Path]:
    """Module name -> file, of all the suite's packages (the plugin templates are no part of them)."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if not any(part.startswith("templates_") for part in parts):
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def running(node: ast.AST, functions: bool) -> Iterator[ast.AST]:
    """Nodes that run; with ``functions`` False only those that run on import."""
    for child in ast.iter_child_nodes(node):
        if is_for_types(child) or (not functions and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        yield child
        yield from running(child, functions)


def imports(module: str, functions: bool = True) -> set[str]:
    """Modules that a module imports, as far as they can be told from its text; ours down to the module."""
    is_package = modules()[module].name == "__init__.py"
    found = set()
    for node in running(tree(module), functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = module.split(".")
                kept = kept[: len(kept) - node.level + is_package]
                base = ".".join([*kept, *([base] if base else [])])
            submodules = {f"{base}.{alias.name}" for alias in node.names} & modules().keys()
            found |= submodules or {base}
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def of(package: str) -> list[str]:
    return [name for name in modules() if within(name, package)]


# -- who imports whom ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("datasets", ("methods", "bench", "leaderboard", "sweeps")),
        ("methods", ("bench", "leaderboard", "sweeps")),
        ("leaderboard", ("torch", "torchvision", "methods", "sweeps")),
        ("bench", ("sweeps",)),
    ],
)
def test_a_package_knows_nothing_of_those_above_it(package: str, forbidden: tuple[str, ...]) -> None:
    wrong = [(m, i) for m in of(package) for i in imports(m) if any(within(i, f) for f in forbidden)]
    assert not wrong


def test_methods_see_only_the_shared_types_of_datasets() -> None:
    wrong = [(m, i) for m in of("methods") for i in imports(m) if within(i, "datasets") and i not in SEEN_BY_METHODS]
    assert not wrong


def test_a_method_imports_no_other_method() -> None:
    shared = {"methods", "methods.base", "methods.layers"}
    wrong = [
        (m, i) for m in of("methods") for i in imports(m)
        if within(i, "methods") and i not in shared and not within(i, "methods.layers")
        and i.split(".")[1] != [*m.split("."), ""][1]
    ]  # fmt: skip
    assert not wrong


def test_bench_imports_no_concrete_method_or_data_set() -> None:
    wrong = [
        (m, i) for m in of("bench") for i in imports(m)
        if i.partition(".")[0] in ("methods", "datasets") and i not in SEEN_BY_BENCH | {"methods", "datasets"}
        and not (within(m, "bench.evaluation.judges") and within(i, "datasets.annotators"))  # judges adapt networks
    ]  # fmt: skip
    assert not wrong


def test_bench_names_no_concrete_method_outside_help_and_examples() -> None:
    named = {path.parent.name for path in (ROOT / "methods").glob("*/spec.py")}
    named |= {name for name in _builtin_methods() if "-" in name}
    wrong = [(m, text) for m in of("bench") for text in _plain_texts(tree(m)) if text in named]
    assert not wrong


def _builtin_methods() -> set[str]:
    from bench import registry

    return {name for name, entry in registry.entries("methods").items() if not entry.distribution}


def _plain_texts(node: ast.AST) -> Iterator[str]:
    """String constants, but docstrings and the arguments of ``examples(...)``."""
    for child in ast.iter_child_nodes(node):
        called = child.func if isinstance(child, ast.Call) else None
        if getattr(called, "attr", getattr(called, "id", "")) == "examples":
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and not isinstance(node, ast.Expr):
            yield child.value
        yield from _plain_texts(child)


def test_no_import_circle() -> None:
    graph = {m: {i for i in imports(m, functions=False) if i in modules() and i != m} for m in modules()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"circle: {' -> '.join([*path[path.index(module) :], module])}"
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_verbs_are_imported_only_when_they_run() -> None:
    wrong = [
        (m, i) for m in ("bench", "bench.__main__", "bench.cli") for i in imports(m, functions=False)
        if i not in ("sys", "__future__", "importlib", "typing", "bench.cli", "")
    ]  # fmt: skip
    assert not wrong


def test_cards_are_light() -> None:
    cards = [m for m in of("methods") if m.endswith(".spec")] + ["methods", "methods.base", "datasets"]
    wrong = [(m, i) for m in cards for i in imports(m, functions=False) if i.partition(".")[0] in HEAVY]
    assert not wrong


# -- sizes -----------------------------------------------------------------------------------------------------------
def test_no_file_is_too_long() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert {name: n for name, n in lengths.items() if n > MAX_FILE} == {}


def test_no_function_is_too_long() -> None:
    long = [
        (name, node.name, length)
        for name in modules()
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION
    ]
    assert not long


def test_every_module_and_public_function_is_documented() -> None:
    silent = []
    for name in modules():
        if ast.get_docstring(tree(name)) is None and tree(name).body:
            silent.append(name)
        silent += [
            f"{name}.{node.name}" for node in tree(name).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ]  # fmt: skip
    assert not silent


# -- instant commands ------------------------------------------------------------------------------------------------
INSTANT = (["--help"], ["list", "methods"], ["list", "datasets"], ["run", "--help"])


def _run(args: list[str]) -> tuple[float, set[str]]:
    """Seconds of a fresh process, and which heavy packages it imported."""
    code = (
        f"import sys; from bench.cli import main; status = main({args!r}); "
        f"print('HEAVY', *sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr); sys.exit(status)"
    )
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    assert done.returncode == 0, done.stderr
    return seconds, set(done.stderr.rpartition("HEAVY")[2].split())


@pytest.mark.parametrize("args", INSTANT, ids=" ".join)
def test_listing_and_help_import_nothing_heavy(args: list[str]) -> None:
    assert _run(args)[1] == set()


@pytest.mark.speed
@pytest.mark.parametrize("args", INSTANT, ids=" ".join)
def test_listing_and_help_answer_in_half_a_second(args: list[str]) -> None:
    assert min(_run(args)[0] for _ in range(5)) < 0.5


def test_the_leaderboard_runs_without_torch() -> None:
    names = ", ".join(of("leaderboard"))
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# -- hosts -----------------------------------------------------------------------------------------------------------
def test_no_tracked_file_names_a_registry_host() -> None:
    hosts = [".".join(parts) for parts in (
        ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"), ("deb", "debian", "org"),
    )]  # fmt: skip
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    assert ROOT / "uv.lock" not in paths
    wrong = [
        (path.name, host) for path in paths if path.is_file()
        for host in hosts if host.encode() in path.read_bytes()
    ]  # fmt: skip
    assert not wrong
