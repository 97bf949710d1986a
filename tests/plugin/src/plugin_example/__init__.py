"""A plugin of the suite: it imports public names from ``bench`` only."""
