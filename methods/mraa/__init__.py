"""MRAA: Motion Representations for Articulated Animation (CVPR 2021)."""
