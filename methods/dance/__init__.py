"""Single-shot freestyle dance reenactment: pose to body, body to frame, face refinement (Gafni et al., CVPR 2021)."""
