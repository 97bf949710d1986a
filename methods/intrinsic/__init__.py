"""INTERnet: Intrinsic Temporal Regularization for High-resolution Human Video Synthesis."""
