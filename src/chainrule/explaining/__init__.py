"""Worked solutions: steps, paths, shapes."""
