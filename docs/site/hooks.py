"""Hooks of the documentation site: pages that are made from cards, configs and commands."""

from __future__ import annotations

import sys
from pathlib import Path

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
    return config


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
