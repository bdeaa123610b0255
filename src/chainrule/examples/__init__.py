"""Shipped examples: plain NumPy functions whose defaults are the numbers to explain.

A module may say ``WRT``, the arguments to differentiate with respect to, and
``UPSTREAM``, the upstream gradient of an output that is an array.
"""
