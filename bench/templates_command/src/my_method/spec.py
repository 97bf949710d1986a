"""The card: data only, so that listing methods stays instant."""

from bench import MethodSpec

SPEC = MethodSpec(
    name="my-method",
    title="My Method",
    implementation="my_method.method:MyMethod",
    config="my_method.config:MyMethodConfig",
    licence="unpublished",
    fidelity="the authors' program",  # name the paper with paper=, venue= and year=
    modes={"standard": "abs/drv"},  # pose: abs or rel; place: src or drv
    needs=frozenset(),  # annotation kinds that the program reads: frozenset({"keypoints"}), say
    presets={"tiny": {}, "quick": {}, "standard": {}, "paper": {}},
)
