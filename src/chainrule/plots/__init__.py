"""Plots with matplotlib; each function returns its axes."""
