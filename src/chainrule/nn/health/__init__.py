"""Is a model well, is training going well, and what made it end: findings with numbers."""

from chainrule.nn.health.autopsy_report import Autopsy
from chainrule.nn.health.dissect import autopsy
from chainrule.nn.health.diverged import TrainingDivergedError, diverged_error, failed_step
from chainrule.nn.health.examine import health
from chainrule.nn.health.finding import Finding
from chainrule.nn.health.report import Health
from chainrule.nn.health.watch import Watch

__all__ = [
    "Autopsy",
    "Finding",
    "Health",
    "TrainingDivergedError",
    "Watch",
    "autopsy",
    "diverged_error",
    "failed_step",
    "health",
]
