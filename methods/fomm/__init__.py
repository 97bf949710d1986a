"""FOMM: First Order Motion Model for Image Animation (NeurIPS 2019)."""
