"""Region-to-Whole (REMOT): layout, then regions, then the whole person (Yang et al., ACM MM 2022)."""
