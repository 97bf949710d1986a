"""Networks that turn frames into annotations: loading, preprocessing and postprocessing, one place each."""
