"""Thin-Plate Spline Motion Model (Zhao and Zhang, CVPR 2022)."""
