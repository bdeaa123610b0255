"""Checking a hand-written backward pass."""
