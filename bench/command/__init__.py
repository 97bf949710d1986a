"""A method that is a command: a program in an environment of its own, run once for each pair."""
