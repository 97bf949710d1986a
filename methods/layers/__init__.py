"""Building blocks that methods share: blocks, hourglass, anti-aliasing, grids, perceptual features, checkpoints."""
