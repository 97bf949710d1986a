"""Page builders: each module has ``TITLE``, ``PATH`` (of its entry in the navigation) and ``build(site)``."""
