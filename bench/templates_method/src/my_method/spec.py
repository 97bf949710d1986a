"""The card: data only, so that listing methods stays instant."""

from bench import MethodSpec, Variant

SPEC = MethodSpec(
    name="my-method",
    title="My Method",
    implementation="my_method.method:MyMethod",
    config="my_method.config:MyMethodConfig",
    licence="unpublished",
    fidelity="ours",  # how far it follows a paper; name the paper with paper=, venue= and year=
    modes={"standard": "abs/drv"},  # pose: abs or rel; place: src or drv
    presets={
        "tiny": {"width": 8, "steps": 10, "batch": 2},  # for tests: seconds
        "quick": {"steps": 1500},
        "standard": {"width": 32, "steps": 20_000},
        "paper": {"width": 64, "steps": 100_000, "batch": 16},
    },
    variants={"no-mask": Variant("w/o occlusion mask", {"mask": False})},
)
