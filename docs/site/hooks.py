"""Hooks of the documentation site: pages that are made from cards, configs and commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_HERE = Path(__file__).resolve().parent
_ROOT = str(_HERE.parents[1])
_DATASETS_OURS = "the import name 'datasets' must be the suite's own"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The suite of this checkout is what is documented."""
    sys.path.insert(0, _ROOT)
    import datasets

    if Path(datasets.__file__ or "").resolve().parents[1] != Path(_ROOT):
        raise RuntimeError(_DATASETS_OURS)
    config.nav = _expanded(config.nav, Path(config.docs_dir))
    return config


def _expanded(nav: Any, docs: Path) -> Any:
    """The navigation with every folder (``name/``) replaced by its pages, the overview first, under their headings."""
    if isinstance(nav, list):
        return [_expanded(item, docs) for item in nav]
    if isinstance(nav, dict):
        return {title: _expanded(value, docs) for title, value in nav.items()}
    if not str(nav).endswith("/"):
        return nav
    pages = sorted((docs / nav).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
    return [{_heading(path): path.relative_to(docs).as_posix()} for path in pages]


def _heading(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("docs_reference", _HERE / "reference.py")
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for name, make in reference.PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content=make()))
    return files
