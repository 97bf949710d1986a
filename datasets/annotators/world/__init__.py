"""The networks of the synthetic world: judges in two seeds, the annotator of ``detected``, and loss networks."""
