"""The metric audit: does each metric get worse, step by step, when true clips are damaged step by step?

``python -m bench.evaluation.audit`` measures; ``results.json`` beside this file is what it found, and cards show it.
"""
