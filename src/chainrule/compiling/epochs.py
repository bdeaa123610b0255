"""``epoch``: whole epochs in one compiled call, for any step that is written in NumPy."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.calling import public
from chainrule.compiling.arguments import builder, flatten
from chainrule.compiling.care import taken_with_care
from chainrule.compiling.compiled import Plans, check_executor, kind_of
from chainrule.compiling.epoch_data import Data, check_result, data_of, order_of
from chainrule.compiling.epoch_entry import Entry, Returned
from chainrule.compiling.failure import StepError, index_failure, untraceable_failure
from chainrule.compiling.plans import Call, Plan, all_finite
from chainrule.compiling.report import CompileReport, reported
from chainrule.compiling.tracing import Kinds, kinds_of
from chainrule.errors import ArgumentError, ExecutorWarning
from chainrule.execute.memory import Recycler
from chainrule.execute.runnable import Loop
from chainrule.execute.sharding import spans_processes
from chainrule.op import Abstract
from chainrule.structure import leaves, map_leaves
from chainrule.trace import warn

#: Seconds between two looks at whether the user has had enough, and told how far things are.
_PULSE = 0.1

#: Steps that needed care for 0 · ∞ before the user is told why they take so long.
_MANY = 100

#: ``progress(steps done, steps in all, what the steps so far reported)``
Progress = Callable[[int, int, Any], None]


@public
class Epoch:
    """A compiled epoch; made by :func:`epoch`."""

    def __init__(
        self, step: Callable[..., Any], executor: str = "auto", mesh: Any = None,
        specs: Any = None, donate: bool = False, steps: int | None = None,
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, step)
        self._step = step
        self._donate = donate
        self._steps = steps
        #: Whether other processes run the same steps, and have to be given them in the same parts.
        self.is_shared = mesh is not None and spans_processes(mesh)
        self._plans = Plans(step, executor, mesh, specs)
        self._last: Plan | None = None
        #: How many steps needed care for 0 · ∞.
        self._careful = 0
        self._entries: dict[Any, Entry | None] = {}
        #: The last signature, and what is known for it.
        self._recent: tuple[Any, Entry] | None = None
        #: What was returned last, of a carry that is given up, and what is known for it.
        self._returned: tuple[Returned, Entry] | None = None

    def __repr__(self) -> str:
        return f"<compiled epoch of {name_of(self._step)}>"

    def __call__(
        self,
        carry: Any,
        data: Any,
        *,
        order: Any = None,
        batch_size: int = 32,
        progress: Progress | None = None,
    ) -> tuple[Any, Any]:
        """Go through the data once.

        Parameters
        ----------
        carry : structure of arrays
            What goes from step to step: parameters, optimizer state, counts. Not written to,
            unless it is given up by ``donate=True``.
        data : array or tuple of arrays
            With rows along their first axes, as many in each.
        order : array of int, optional
            Which row comes when, such as a permutation; unless given, all in order.
        batch_size : int
            Rows in a step; the last one may have fewer.
        progress : callable, optional
            ``progress(done, steps, outputs)``, called about ten times a second.

        Returns
        -------
        carry : structure of arrays
            What the last step returned.
        outputs : structure of arrays
            What the steps reported besides, with a first axis for the step.

        Raises
        ------
        ArgumentError, DtypeError
            When carry, data and step do not fit each other.
        NonFiniteError
            When a NaN or an infinity arose in some step, and care for 0 · ∞ did not help; names
            the step, the operation and the line. Its attribute `carry` is what the step before
            returned.
        KeyboardInterrupt
            As soon as the steps under way are done, within a fraction of a second.
        """
        rows = data_of(data)
        places = order_of(order, rows.rows)
        if not hasattr(batch_size, "__index__") or batch_size < 1:
            raise ArgumentError(
                "batch_size is how many rows a step takes.", expected="a whole number from 1",
                got=repr(batch_size),
            )  # fmt: skip
        size = int(min(batch_size, max(len(places), 1)))
        found: list[Any] = []
        key = flatten((carry,), found)
        call = Call(self._step, (carry, *rows.arrays), {})
        rest = len(places) % size
        entry = self._again((key, size, rest), found, rows)
        is_returned = entry is not None
        if entry is None:
            entry = self._entry(key, call, found, rows, size, rest)
        if entry is None:
            return self._in_two(carry, data, places, size, progress)
        loop = entry.loop(found, rows.arrays, places, size, self._donate, is_returned)
        try:
            self._run(entry, loop, progress)
        except IndexError:
            error = index_failure(self._step, call, loop, found)
            if error is None:
                raise
            raise error from None
        if not (all_finite(loop.outputs) and (loop.is_finite or all_finite(loop.carry))):
            if self._donate:
                raise untraceable_failure(self._step, loop)
            loop = self._with_care(entry.plan, call, loop, found)
        carried = [
            c if c.__class__ is np.ndarray and c.shape else np.asarray(c)[()] for c in loop.carry
        ]
        if self._donate and not is_returned:
            self._note((key, size, rest), entry, found, carried, rows)
        new, outputs = entry.build([*carried, *loop.outputs])
        return new, outputs

    def _again(self, signature: Any, found: Sequence[Any], rows: Data) -> Entry | None:
        """Return what serves for the carry that was returned last; None for any other."""
        if self._returned is None:
            return None
        returned, entry = self._returned
        if not returned.is_same(signature, found, rows.arrays):
            return None
        self._last = entry.plan
        return entry

    def _note(
        self, signature: Any, entry: Entry, found: list[Any], carried: list[Any], rows: Data
    ) -> None:
        """Take note of what is returned, if all arrays given up are: they can be written to."""
        pairs = zip(found, carried, strict=True)
        if all(new is old for old, new in pairs if new.__class__ is np.ndarray):
            self._returned = Returned.of(signature, carried, rows.arrays), entry

    def prepare(self, carry: Any, data: Any, batch_size: int) -> None:
        """Get ready for minibatches of a size, before a first call with fewer rows.

        What is compiled for small minibatches serves larger ones, too, but less well.

        Parameters
        ----------
        carry, data
            As for a call; the values are not looked at.
        batch_size : int

        Raises
        ------
        ArgumentError, DtypeError
        """
        rows = data_of(data)
        found: list[Any] = []
        key = flatten((carry,), found)
        call = Call(self._step, (carry, *rows.arrays), {})
        self._entry(key, call, found, rows, batch_size, 0)

    def _in_two(
        self, carry: Any, data: Any, places: np.ndarray, size: int, progress: Progress | None
    ) -> tuple[Any, Any]:
        """Run the last minibatch by itself: for its size the step computes something else."""
        steps, rest = divmod(len(places), size)

        def moved(done: int, _: int, outputs: Any) -> None:
            if progress is not None:
                progress(done, steps + 1, outputs)

        carry, outputs = self(carry, data, order=places[:-rest], batch_size=size, progress=moved)
        plan = self._last
        assert plan is not None
        plan.note = f"the last minibatch, of {rest} rows, is compiled by itself"
        try:
            carry, last = self(carry, data, order=places[-rest:], batch_size=rest)
        except StepError as error:
            error.step += steps
            raise
        self._last = plan
        ends = dict(leaves(last))
        outputs = map_leaves(lambda leaf, path: np.concatenate([leaf, ends[path]]), outputs, "")
        moved(steps + 1, steps + 1, [leaf for _, leaf in leaves(outputs)])
        return carry, outputs

    def _with_care(self, plan: Plan, call: Call, loop: Loop, start: Sequence[Any]) -> Loop:
        """Take steps again of which something is not finite, with care for 0 · ∞."""
        loop, careful = taken_with_care(self._step, plan, call, loop, start)
        before, self._careful = self._careful, self._careful + careful
        if before < _MANY <= self._careful:
            warn(
                f"In {self._careful} steps so far a gradient came to 0 · ∞. "
                "NumPy takes such steps once more, one by one, which takes many times as long. "
                "A small number under a root, as in np.sqrt(x + 1e-12), avoids it.",
                ExecutorWarning,
            )
        return loop

    # -- plans ---------------------------------------------------------------------------

    def _entry(
        self, key: Any, call: Call, found: Sequence[Any], rows: Data, size: int, rest: int
    ) -> Entry | None:
        """Return what serves for steps on that many rows, and on the rest; None if nothing does."""
        batch = tuple([(a.shape[1:], a.dtype) for a in rows.arrays])
        kinds = [(v.shape, v.dtype) if v.__class__ is np.ndarray else kind_of(v) for v in found]
        signature = key, tuple(kinds), batch, size, rest
        if self._recent is not None and self._recent[0] == signature:  # quicker than a look-up
            return self._recent[1]
        if signature not in self._entries:
            self._entries[signature] = self._made(key, call, found, batch, size, rest)
        entry = self._entries[signature]
        if entry is not None:
            self._recent, self._last = (signature, entry), entry.plan
        return entry

    def _made(
        self, key: Any, call: Call, found: Sequence[Any], batch: Any, size: int, rest: int
    ) -> Entry | None:
        kinds = kinds_of(found)

        def with_rows(count: int) -> Kinds:
            return (*kinds, *(Abstract((count, *shape), dtype) for shape, dtype in batch))

        call.carry = len(kinds)
        leading = list(range(len(kinds), len(kinds) + len(batch)))
        plan = self._plans.find((key, len(batch)), call, with_rows(size), leading)
        if self._steps is not None and self._plans.choice.foresee(plan, self._steps):
            plan = self._plans.find((key, len(batch)), call, with_rows(size), leading)
        check_result(self._step, plan, kinds)
        last = plan.given_for(call, with_rows(rest)) if rest else ()
        if last is None:
            return None
        given = plan.given_for(call, with_rows(size))
        size_of_carry = sum(k.size * k.dtype.itemsize for k in kinds)
        memory = Recycler(most=size_of_carry)
        return Entry(plan, given, last, builder(plan.result), len(kinds), memory)

    def _run(self, entry: Entry, loop: Loop, progress: Progress | None) -> None:
        """Run all steps, in parts that take no longer than a person waits."""
        done = 0
        while done < loop.steps:
            stop = loop.steps if self.is_shared else min(done + (entry.pace or 1), loop.steps)
            began = time.perf_counter()
            entry.plan.runnable.run_steps(loop, done, stop)
            seconds = time.perf_counter() - began
            if entry.pace:  # the very first part compiles, too
                steps = int((stop - done) * _PULSE / max(seconds, 1e-9))
                entry.pace = max(1, min(16 * entry.pace, steps))
                if self._plans.choice.spent(entry.plan, seconds):
                    self._entries.clear()  # from now on by another executor
                    self._recent = self._returned = None
            else:
                entry.pace = 1
            done = stop
            if progress is not None:
                progress(done, loop.steps, [o[:done] for o in loop.outputs])

    # -- questions -----------------------------------------------------------------------

    def report(self) -> CompileReport:
        """Tell what runs; see :meth:`Compiled.report`.

        Raises
        ------
        ArgumentError
            Before the first call.
        """
        if self._last is None:
            raise ArgumentError(
                f"{name_of(self._step)} has not been called yet, and what runs depends on the "
                "arguments.",
                instead="run an epoch first",
            )
        return reported(self._last, self._plans)

    def code(self) -> str:
        """Return the source that ran last."""
        self.report()
        assert self._last is not None
        return self._last.runnable.source


@public
def epoch(
    step: Callable[..., Any], executor: str = "auto", *, mesh: Any = None, specs: Any = None,
    donate: bool = False, steps: int | None = None,
) -> Epoch:  # fmt: skip
    """Return a function that runs a step on one minibatch after another, as compiled code.

    Rows are gathered, the step is run forward and backward, and parameters are updated without
    Python in between.

    Parameters
    ----------
    step : callable
        ``step(carry, *minibatch) -> (carry, outputs)``, written in plain NumPy. It may ask for
        gradients by :func:`value_and_grad`. The carry that it returns has the structure, shapes
        and types of the one that it is given.
    executor : {"auto", "numpy", "numba", "jax"}
        See :func:`compile`.
    mesh, specs
        See :func:`compile`.
    donate : bool
        Give the carry up at each call: its arrays may be written to and returned, which saves a
        copy of them in time and memory. For large carries of which nobody needs the old one. A
        NaN or an infinity is then told with its step alone: there is nothing left to start from.
    steps : int, optional
        About how many steps are to come in all. With it ``"auto"`` decides before the first one, by
        an estimate, and always the same; without it, by the time spent.

    Returns
    -------
    Epoch
        To be called with ``(carry, data, order=None, batch_size=32)``.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def loss(w, X, y):
    ...     return np.mean((X @ w - y) ** 2)
    >>> def step(w, X, y):
    ...     value, dw = cr.value_and_grad(loss)(w, X, y)
    ...     return w - 0.1 * dw, value
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> w, losses = cr.epoch(step)(np.zeros(1), (X, 2 * X[:, 0]), batch_size=2)
    >>> w, losses
    (array([2.54]), array([ 2.  , 21.06]))
    """
    check_executor(executor, mesh, specs)
    return Epoch(step, executor, mesh, specs, donate, steps)
