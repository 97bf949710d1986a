"""Datasets: clips with annotations, and the pairs of each protocol (:mod:`datasets.base` is the interface).

``BUILTIN`` names the cards of our own data sets as ``module:attribute``; importing one is cheap.
"""

BUILTIN: dict[str, str] = {"synthetic": "datasets.synthetic:SPEC", "folder": "datasets.folder_spec:SPEC"}
