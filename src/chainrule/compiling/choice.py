"""Which executor runs: as asked for, or as the time already spent suggests.

NumPy starts at once; compiling loops takes a second or more. What is not known is how much is still
to come. Whoever changes over once the time spent equals the cost of changing never spends more
than twice what the best choice would have taken.
"""

from __future__ import annotations

from typing import Any

from chainrule.compiling.plans import Plan
from chainrule.execute.executors import Executor, executor
from chainrule.execute.work import work

#: Seconds that compiling is reckoned to take: at least, and for each operation.
_BASE, _EACH = 0.5, 0.02
#: Seconds that NumPy is reckoned to take for an operation, and how many it does a second, of
#: products and of anything else.
_CALL, _PRODUCTS, _OTHERS = 1.5e-6, 3e10, 1e9


class Choice:
    """The executor for each kind of arguments.

    Parameters
    ----------
    name : str
        The executor asked for, or ``"auto"``.
    mesh, specs
        For JAX.
    """

    def __init__(self, name: str, mesh: Any = None, specs: Any = None) -> None:
        self.is_automatic = name == "auto"
        self._first = executor("numpy" if self.is_automatic else name, mesh, specs)
        self._later = executor("numba")
        #: Whether nothing is left to choose.
        self.is_settled = not self.is_automatic or not self._later.is_installed
        self._chosen: dict[Any, Executor] = {}
        self._seconds: dict[int, float] = {}
        self._ready = False

    def executor(self, kind: Any) -> Executor:
        """Return the executor for arguments of some kind."""
        return self._chosen.get(kind) or (self._later if self._ready else self._first)

    def settle(self, kind: Any, found: Executor) -> None:
        """Take note that some kind of arguments can only be run by one executor."""
        self._chosen[kind] = found

    def spent(self, plan: Plan, seconds: float) -> bool:
        """Take note of the time a call took; says whether another executor is to take over."""
        if self.is_settled or plan.executor.name != self._first.name:
            return False
        total = self._seconds[id(plan)] = self._seconds.get(id(plan), 0.0) + seconds
        if self._ready or total < self.cost(plan):
            return False
        self._ready = self.is_settled = True
        return True

    def foresee(self, plan: Plan, calls: int) -> bool:
        """Decide for good, by how often a plan will run; says whether another is to be made."""
        if self.is_settled:
            return False
        products, others = work(plan.kernel)
        each = len(plan.kernel.graph) * _CALL + products / _PRODUCTS + others / _OTHERS
        self._ready = each * calls > self.cost(plan)
        self.is_settled = True
        return self._ready

    def cost(self, plan: Plan) -> float:
        """Return about how many seconds compiling would take."""
        return _BASE + _EACH * len(plan.kernel.graph)
