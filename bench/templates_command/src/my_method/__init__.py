"""My Method."""
