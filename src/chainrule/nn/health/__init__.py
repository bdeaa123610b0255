"""Is a model well, is training going well, and what made it end: findings with numbers."""

from chainrule.nn.health.examine import health
from chainrule.nn.health.finding import Finding
from chainrule.nn.health.report import Health
from chainrule.nn.health.watch import Watch

__all__ = ["Finding", "Health", "Watch", "health"]
