"""Judges: names and cards only; networks are loaded when a metric asks for one."""
