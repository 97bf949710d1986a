"""Motion-transfer methods: one folder each, with its card in ``spec.py``.

A folder that holds several methods names them in ``BUILTIN`` instead (the sanity rows do).
"""

BUILTIN: dict[str, str] = {
    name: f"methods.sanity:{name.upper().replace('-', '_')}"
    for name in (
        "copy-source",
        "faded-source",
        "copy-driving",
        "oracle",
        "oracle-rel",
        "oracle-leak",
        "oracle-crf23",
        "oracle-shift2",
        "oracle-blur",
    )
}
