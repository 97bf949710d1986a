"""The matrix: methods x variants x data sets x seeds x presets as one plan, with one table of outcomes."""
