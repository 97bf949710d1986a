"""Sanity rows: no methods, but bars to read the others by. They need no training and stand on every board.

A gap between two methods that is smaller than the gap between two oracles is not about quality.
"""

from __future__ import annotations

from typing import Any

from methods.base import MethodSpec


def _spec(
    name: str, title: str, row: str, target: str, oracle: str = "", config: str = "RowConfig", **settings: Any
) -> MethodSpec:
    return MethodSpec(
        name=name,
        title=title,
        implementation=f"methods.sanity.rows:{row}",
        config=f"methods.sanity.config:{config}",
        licence="MIT",
        fidelity="sanity row",
        modes={"standard": target},
        presets=dict.fromkeys(("tiny", "quick", "standard", "paper"), settings),
        sanity=True,
        oracle=oracle,
    )


COPY_SOURCE = _spec("copy-source", "Source photo, unmoved", "CopySource", "abs/src")
FADED_SOURCE = _spec(
    "faded-source", "Mean of the source photo and its empty scene", "FadedSource", "abs/src", "background"
)
COPY_DRIVING = _spec("copy-driving", "Driving video, unchanged", "CopyDriving", "abs/drv")
ORACLE = _spec("oracle", "Truth", "Oracle", "abs/src", "target")
ORACLE_REL = _spec("oracle-rel", "Perfect answer in relative mode", "OracleRelative", "rel/src", "rel")
ORACLE_LEAK = _spec("oracle-leak", "Source's looks on the driver's skeleton", "OracleLeak", "abs/src", "leak")
ORACLE_CRF23 = _spec(
    "oracle-crf23", "Truth as H.264, crf 23", "OracleCodec", "abs/src", "target", "CodecConfig", crf=23
)
ORACLE_SHIFT2 = _spec(
    "oracle-shift2", "Truth, 2 pixels to the right", "OracleShift", "abs/src", "target", "ShiftConfig", pixels=2
)
ORACLE_BLUR = _spec("oracle-blur", "Truth, blurred", "OracleBlur", "abs/src", "target", "BlurConfig", sigma=1.5)
