"""``explain`` and the Solution that it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import showing
from chainrule.arguments import Wrt, bound, complex_output, name_of
from chainrule.emit import loops_source, numpy_source
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.explaining import update
from chainrule.explaining.asked import asked
from chainrule.explaining.derivation import Derivation, derive
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.forms import ShapeNote, shapes
from chainrule.explaining.steps import Step
from chainrule.explaining.why import Paths, ScalarTerm, paths, scalar_terms
from chainrule.graph import Node
from chainrule.graphing import Recording, record
from chainrule.nonfinite import non_finite_gradient, non_finite_input
from chainrule.op import shape_of
from chainrule.render import RENDERERS, SUFFIXES
from chainrule.render.text import gradient_to_text
from chainrule.trace import location

if TYPE_CHECKING:
    from pathlib import Path

    from chainrule.picture.drawing import Drawing

#: Of forward passes of more nodes a notebook makes no widget unless asked to.
_SHOWN = 1_000


class Solution:
    """A worked solution: a forward pass, its backward pass and every number in them.

    Made by :func:`explain`. In a notebook and at the prompt it shows itself.

    Attributes
    ----------
    value : number or array
        The output.
    grads : dict
        Gradient of each argument, in the structure of the argument.
    steps : tuple of Step
        One for each line, forward and then backward.
    """

    def __init__(
        self,
        derivation: Derivation,
        function: Callable[..., Any],
        again: Callable[..., Solution],
    ) -> None:
        self._derivation = derivation
        self._function = function
        self._again = again
        self._explanation = Explanation(derivation)
        self._widget: Any = None

    def __repr__(self) -> str:
        wrt = ", ".join(self.grads)
        return f"<Solution of {self._explanation.name}: {len(self.steps)} steps, wrt {wrt}>"

    def __str__(self) -> str:
        return self.text()

    # -- in notebooks --------------------------------------------------------------------

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        from chainrule.view.static_form import static_html

        return static_html(self._explanation)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Return the live widget where a notebook can show it; IPython adds the static forms."""
        if not showing.in_notebook() or not self._fits_a_cell():
            return {}
        try:
            bundle = self.widget()._repr_mimebundle_(include=include, exclude=exclude) or {}
        except ChainruleError:  # an extra is missing, say: the static form does without
            return {}
        data, *metadata = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {kind: value for kind, value in data.items() if kind != "text/plain"}
        return (data, *metadata) if metadata else data

    def _display_(self) -> Any:
        """Return what marimo shows: the live widget, or Markdown where an extra is missing."""
        if self._fits_a_cell():
            try:
                return self.widget()
            except ChainruleError:
                pass
        return showing.Markdown(self.markdown())

    def _fits_a_cell(self) -> bool:
        """Whether a page of all steps is of a size that a cell shows unasked."""
        return len(self._derivation.graph) <= _SHOWN

    def widget(self) -> Any:
        """Return the live view for notebooks, in which values can be changed.

        A change runs the function again, and this solution then has the new numbers.

        Returns
        -------
        chainrule.widget.live.SolutionWidget
            The same one each time.

        Raises
        ------
        MissingExtraError
            Where ``chainrule[look]`` is not installed.
        """
        if self._widget is None:
            self._widget = showing.live(self)
        return self._widget

    def at(self, values: Mapping[str, Any], **upstream: Any) -> Solution:
        """Explain the same call with other values.

        Parameters
        ----------
        values : mapping
            Name of an argument -> its new value; the others stay.
        upstream : number or array, optional
            Another upstream gradient.

        Returns
        -------
        Solution

        Raises
        ------
        ArgumentError, and whatever the function raises

        Examples
        --------
        >>> import chainrule as cr
        >>> s = cr.explain(lambda w, x: w * x, 2.0, 3.0)
        >>> s.at({"w": 5.0}).value
        15.0
        """
        return self._again(values, **upstream)

    def become(self, other: Solution) -> None:
        """Take over all that another solution says; whoever shows this one goes on to do so."""
        if other is not self:
            kept = self._widget
            vars(self).clear()
            vars(self).update(vars(other), _widget=kept)

    @property
    def explanation(self) -> Explanation:
        """What all views are made of."""
        return self._explanation

    # -- results -------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The output."""
        return self._explanation.value

    @property
    def grads(self) -> dict[str, Any]:
        """Gradient of each argument, in the structure of the argument."""
        return self._explanation.gradients

    @property
    def steps(self) -> tuple[Step, ...]:
        """One step for each line, forward and then backward."""
        return self._explanation.steps

    # -- views ---------------------------------------------------------------------------

    def text(self, of: str | None = None) -> str:
        """Return the worked solution as plain text.

        Parameters
        ----------
        of : str, optional
            A gradient, such as ``"dz"``: its steps alone.

        Raises
        ------
        ArgumentError
            When there is no such gradient.
        """
        if of is None:
            return RENDERERS["text"](self._explanation)
        found = gradient_to_text(self._explanation, of)
        if not found:
            known = dict.fromkeys(s.target for s in self.steps if s.kind != "forward")
            raise ArgumentError(
                f"There is no step for {of!r}.", expected=f"one of {', '.join(known)}", got=repr(of)
            )
        return found

    def markdown(self) -> str:
        """Return the worked solution as Markdown, with formulas in LaTeX between dollars."""
        return RENDERERS["markdown"](self._explanation)

    def latex(self) -> str:
        """Return the worked solution as a LaTeX document."""
        return RENDERERS["latex"](self._explanation)

    def json(self) -> str:
        """Return the worked solution as JSON."""
        return RENDERERS["json"](self._explanation)

    def html(self) -> str:
        """Return the worked solution as one HTML file to step through.

        It needs nothing else, and loads nothing: formulas are MathML, and the picture, the
        paths of each number and other notations are in it.

        Raises
        ------
        MissingExtraError
            Where latex2mathml is not installed.
        """
        from chainrule.view import document, page  # what the text alone has no need of

        return page(document(self._explanation, alone=True), self.text())

    def code(self, executor: str = "numpy") -> str:
        """Return the forward and backward pass as code that runs on its own.

        Parameters
        ----------
        executor : {"numpy", "loops"}
            Whole arrays, or loops over single numbers.

        Raises
        ------
        ArgumentError
            For an executor that there is no emitter for.
        EmitError
            When the code does not give the graph's numbers; it is never shown then.
        """
        if executor == "numpy":
            return self._numpy_code
        if executor == "loops":
            return loops_source(self._derivation.program)
        raise ArgumentError(
            f"There is no code for {executor!r}.",
            expected="'numpy' or 'loops'",
            got=repr(executor),
            instead="cr.compile(f, executor).code() for the code that another executor runs",
        )

    @cached_property
    def _numpy_code(self) -> str:
        program = self._derivation.program
        return numpy_source(program)

    def svg(
        self, level: str = "auto", open: str | Sequence[str] = (), step: int | None = None
    ) -> str:
        """Return a picture of the computation as SVG.

        Values stand above the wires, gradients below them, local derivatives upon them.

        Parameters
        ----------
        level : {"auto", "scalars", "neurons", "tensors", "layers"}
            How closely to look.
        open : str or sequence of str
            Groups to open, by the ids that the picture gives them.
        step : int, optional
            Show the moment after this step, 0 for the start; the end unless given. The pictures
            of all steps have the same size, and everything in them the same place.

        Raises
        ------
        ArgumentError
            When there is no such level, group or step.

        Examples
        --------
        >>> import chainrule as cr
        >>> s = cr.explain(lambda x: x * x, 3.0)
        >>> s.svg()[:4]
        '<svg'
        """
        from chainrule.picture.svg import to_svg

        last = self._explanation.last_step
        if step is not None and (type(step) is not int or not 0 <= step <= last):
            raise ArgumentError(
                "There is no such step.",
                expected=f"a whole number from 0 to {last}",
                got=f"step={step!r}",
            )
        return to_svg(self._drawing(level, open), step)

    def _drawing(self, level: str = "auto", open: str | Sequence[str] = ()) -> Drawing:
        from chainrule.picture.layout import draw
        from chainrule.picture.levels import scene

        return draw(scene(self._explanation, level, (open,) if isinstance(open, str) else open))

    def animate(self, path: str | Path, level: str = "auto", seconds: float = 0.9) -> Path:
        """Write the picture as an animated GIF: one frame for each step.

        Parameters
        ----------
        path : str or Path
            A file that ends in .gif.
        level : {"auto", "scalars", "neurons", "tensors", "layers"}
        seconds : float
            How long each frame stays; the last stays three times as long.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ArgumentError
            For another suffix, or seconds that no frame can stay.
        MissingExtraError
            Without matplotlib.
        """
        from pathlib import Path

        from chainrule.picture import animation, files

        path = Path(path)
        if path.suffix != ".gif":
            raise ArgumentError(
                f"An animation cannot be saved as {path.suffix or 'a file without suffix'!r}.",
                expected="a file that ends in .gif",
                got=str(path),
            )
        animation.check_seconds(seconds)
        steps = range(self._explanation.last_step + 1)
        return files.save(self._drawing(level), path, steps, seconds)

    def save(self, path: str | Path) -> Path:
        """Write a view to a file, chosen by its suffix.

        .txt, .md, .tex, .json and .py; .html to step through, with latex2mathml; as a picture
        .svg, and with matplotlib .png, .pdf and .gif.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ArgumentError
            For any other suffix.
        MissingExtraError
            For .png, .pdf and .gif without matplotlib.
        """
        from pathlib import Path  # a tenth of the time that importing chainrule may take

        from chainrule.picture import files

        path = Path(path)
        if path.suffix in files.SUFFIXES:
            return files.save(self._drawing(), path, range(self._explanation.last_step + 1))
        if path.suffix == ".py":
            content = self.code()
        elif path.suffix == ".html":
            content = self.html()
        elif path.suffix in SUFFIXES:
            content = RENDERERS[SUFFIXES[path.suffix]](self._explanation)
        else:
            raise ArgumentError(
                f"A solution cannot be saved as {path.suffix or 'a file without suffix'!r}.",
                expected="a suffix among "
                f"{', '.join([*SUFFIXES, '.html', '.py', *files.SUFFIXES])}",
                got=str(path),
            )
        path.write_text(content, encoding="utf-8")
        return path

    # -- questions -----------------------------------------------------------------------

    def why(self, name: str, k: int = 10) -> Paths:
        """Return the gradient of one number as a sum over paths to the output.

        Parameters
        ----------
        name : str
            A number: ``"b"``, ``"w[0]"`` or ``"W1[0, 2]"``; an argument or any named value.
        k : int
            How many paths to show, largest first.

        Returns
        -------
        Paths
            The shown paths and the rest add up to the gradient.
        """
        node, index = asked(name, self._derivation)
        return paths(self._derivation.joint, node, index, k, label=self._derivation.label)

    def open(self, name: str) -> list[ScalarTerm]:
        """Return the gradient of one number as its scalar products, which add up to it.

        Parameters
        ----------
        name : str
            As for :meth:`why`; a leading ``d`` of a gradient's name may stay: ``"dW[0, 1]"``.
        """
        node, index = asked(name, self._derivation)
        return scalar_terms(self._derivation.joint, node, index)

    def shapes(self) -> list[ShapeNote]:
        """Return why each transpose, sum over an axis and outer product is there."""
        return shapes(self._derivation.joint, label=self._derivation.label)

    def label(self, node: Node) -> str:
        """Return what a node of the forward pass is called: the user's name, or t1, t2, ..."""
        return self._derivation.label(node)

    # -- steps of descent ----------------------------------------------------------------

    def step(self, lr: float, wrt: Sequence[str] | None = None) -> update.Update:
        """Take one gradient step, and set the change that came beside the one predicted.

        Parameters
        ----------
        lr : float
            Learning rate.
        wrt : sequence of str, optional
            Arguments to move. Unless given, all that have a gradient but those that are data
            by their name (``x``, ``X``, ``inputs``, ``target`` and the like).

        Returns
        -------
        Update
        """
        done, _ = update.step(self._start(wrt), update.check_lr(lr))
        return done

    def descend(
        self, lr: float, steps: int = 10, wrt: Sequence[str] | None = None
    ) -> update.Descent:
        """Take gradient steps, and stop with a clear word when the output grows.

        Parameters
        ----------
        lr : float
        steps : int
        wrt : sequence of str, optional
            As for :meth:`step`.

        Returns
        -------
        Descent
            With a learning rate that would have been stable, where this one was not.
        """
        if type(steps) is not int or steps < 1:
            raise ArgumentError(
                "The number of steps is not a positive whole number.", got=f"steps={steps!r}"
            )
        return update.descend(self._start(wrt), update.check_lr(lr), steps)

    def _start(self, wrt: Sequence[str] | None) -> update.Point:
        if shape_of(self.value) != ():
            raise ArgumentError(
                "A gradient step lowers a single number, and this output is an array.",
                expected="one number, such as a loss",
                got=f"an output of shape {shape_of(self.value)}",
            )
        recording = self._derivation.recording
        names = update.moved_names(recording.wrt, (wrt,) if isinstance(wrt, str) else wrt)

        def evaluate(values: Mapping[str, Any]) -> tuple[float, Mapping[str, Any]]:
            there = self._again(values)
            return there.value, there.grads

        return update.Point(evaluate, recording.values, self.value, self.grads, names)


def explain(
    f: Callable[..., Any],
    /,
    *args: Any,
    wrt: Wrt | None = None,
    upstream: Any = None,
    simplify: bool = True,
    **kwargs: Any,
) -> Solution:
    """Run a function forward, derive its backward pass, and show every number of both.

    Parameters
    ----------
    f : callable
        A forward pass in plain NumPy.
    *args, **kwargs
        Its arguments: numbers, lists, arrays, and nested dicts, lists, tuples and
        dataclasses of them.
    wrt : int, str, sequence of them, or None
        What to differentiate with respect to, by position or name; None stands for
        every argument that can carry a gradient.
    upstream : number or array, optional
        Gradient of what follows with respect to the output. An output that is an array
        needs it; that of a single number is 1 unless given.
    simplify : bool
        Take softmax and the logarithm of softmax as one operation each, so that
        cross-entropy's gradient is (p - y)/N; False takes every operation as written.

    Returns
    -------
    Solution

    Raises
    ------
    ArgumentError, DtypeError, ShapeError, TraceError, NonFiniteError
        With the line of `f`, and what to write instead.

    Examples
    --------
    >>> import chainrule as cr
    >>> def neuron(x, w, b):
    ...     z = w * x + b
    ...     y = max(z, 0)
    ...     return y
    >>> s = cr.explain(neuron, 2.0, 3.0, 1.0)
    >>> s.value, s.grads
    (7.0, {'x': 3.0, 'w': 2.0, 'b': 1.0})
    """
    with np.errstate(all="ignore"):
        recording = record(f, args, kwargs, wrt)
        bad = non_finite_input(recording)
        if bad is not None:
            raise bad
        if not recording.wrt_inputs():
            raise ArgumentError(
                f"{name_of(f)} has no argument that can carry a gradient.",
                expected="a floating-point number or array among its arguments",
                got=", ".join(recording.values) or "no arguments",
            )
        _check_upstream(f, recording.graph.output, upstream)
        derivation = derive(recording, upstream, simplify)
        error = non_finite_gradient(derivation.joint, recording.suspect)
    if error is not None:
        raise error

    def again(values: Mapping[str, Any], upstream: Any = upstream) -> Solution:
        call = bound(f, args, kwargs)
        call.arguments.update(values)
        options = {"wrt": recording.wrt, "upstream": upstream, "simplify": simplify}
        return explain(f, *call.args, **options, **call.kwargs)

    return Solution(derivation, f, again)


def solution_of(recording: Recording, upstream: Any = None) -> Solution:
    """Return the worked solution of a function that has been recorded."""
    with np.errstate(all="ignore"):
        derivation = derive(recording, upstream)

    def again(values: Mapping[str, Any], **_: Any) -> Solution:
        raise ArgumentError(
            "The function cannot be run again from here.", instead="cr.explain(f, ...).step(lr)"
        )

    return Solution(derivation, again, again)


def _check_upstream(f: Callable[..., Any], output: Node, upstream: Any) -> None:
    if upstream is None and output.abstract.dtype.kind == "c":
        raise complex_output(f, output.value)
    if upstream is None and output.shape != ():
        raise ArgumentError(
            f"{name_of(f)} returns an array, so its gradient depends on what follows.",
            expected=f"upstream: an array of shape {output.shape}",
            got="no upstream",
            where=output.where or location(code=getattr(f, "__code__", None)),
            instead=f"explain(..., upstream=np.ones({output.shape})), "
            "or return a single number such as np.sum(...)",
        )
    if upstream is not None and np.shape(upstream) != output.shape:
        raise ArgumentError(
            "The upstream gradient does not have the shape of the output.",
            expected=f"shape {output.shape}",
            got=f"shape {np.shape(upstream)}",
        )
