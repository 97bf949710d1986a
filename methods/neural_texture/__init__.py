"""Neural texture: occlusion-robust flow prediction and neural texturing (Ji et al.)."""
