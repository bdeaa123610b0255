"""Plots with matplotlib; each function returns its axes, and shows or closes nothing."""

from chainrule.plots.curves import history, sweep
from chainrule.plots.flow import gradient_flow
from chainrule.plots.layers import activations, weights
from chainrule.plots.surface import decision_surface

__all__ = ["activations", "decision_surface", "gradient_flow", "history", "sweep", "weights"]
