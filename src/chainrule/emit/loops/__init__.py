"""A kernel as loops over single numbers: what numba compiles, and what a person can read."""
