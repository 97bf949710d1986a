"""Datasets: clips with annotations, and the pairs of each protocol (:mod:`datasets.base` is the interface).

``BUILTIN`` names the cards of our own data sets as ``module:attribute``; importing one is cheap.
"""

_REAL = ("taichi", "ted", "voxceleb", "mgif", "iper", "solodance", "fashion", "tiktok", "vip", "cihp", "mhp")
BUILTIN: dict[str, str] = {
    "synthetic": "datasets.synthetic:SPEC",
    "folder": "datasets.folder_spec:SPEC",
    **{name: f"datasets.real.{name}:SPEC" for name in _REAL},
}
