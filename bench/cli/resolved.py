"""The resolved run as text, for ``--dry-run``."""

from __future__ import annotations

import json

from bench.spec import Run


def describe(run: Run) -> str:
    """What would be done, as JSON: settings, config, protocols, identity and folder. Touches no file."""
    return json.dumps(
        {
            "method": run.method_spec.name,
            "variant": run.variant,
            "mode": run.mode,
            "dataset": run.spec.dataset,
            "preset": run.spec.preset,
            "seed": run.spec.seed,
            "size": run.dataset.size,
            "annotation_class": run.dataset.annotation_class,
            "checkpoint": str(run.spec.checkpoint) if run.spec.checkpoint else None,
            "device": run.spec.device,
            "precision": run.spec.precision,
            "protocols": {name: len(listed.pairs) for name, listed in run.protocols.items()},
            "not_applicable": dict(run.not_applicable),
            "config": run.config.model_dump(mode="json"),
            "identity": {"training": run.identity.training, "parts": dict(run.identity.parts)},
            "folder": str(run.folder),
        },
        indent=2,
        ensure_ascii=False,
    )
