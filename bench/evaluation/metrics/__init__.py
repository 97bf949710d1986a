"""Metrics: pure functions on arrays first, thin accumulators over the frames of a clip behind them."""
