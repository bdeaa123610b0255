"""The Solution that ``explain`` returns: its forms, its questions, its steps of descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule import showing
from chainrule.calling import public
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.explaining import update
from chainrule.explaining.asked import asked
from chainrule.explaining.derivation import Derivation
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.forms import ShapeNote, shapes
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.explaining.why import Paths, ScalarTerm, element_name, paths, scalar_terms
from chainrule.formats import Formats
from chainrule.graph import Node
from chainrule.op import shape_of
from chainrule.writing import scalar_text


def _gradient(name: str) -> str:
    return gradient_text(gradient_name(name))


class ShapeNotes(list[ShapeNote]):
    """Why each transpose, sum over an axis and outer product is there."""

    def text(self) -> str:
        """Return a paragraph for each."""
        return "\n\n".join(n.text() for n in self) or "No gradient here is an index sum."

    def __str__(self) -> str:
        return self.text()


class ScalarTerms(list[ScalarTerm]):
    """The products that the gradient of one number is the sum of.

    Attributes
    ----------
    gradient : str
        What it is called: ``dW[0, 1]``.
    label : callable
        What nodes are called.
    """

    gradient: str
    label: Callable[[Node], str]

    def text(self) -> str:
        """Return the sum, one product a line."""
        total = scalar_text(sum(term.product for term in self))
        lines = [f"{self.gradient} = {total}, the sum of"]
        for term in self:
            through = _gradient(element_name(self.label(term.node), term.index))
            lines.append(
                f"  {scalar_text(term.product):>12} = {through} · local derivative "
                f"= {scalar_text(term.upstream)} · {scalar_text(term.derivative)}"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


@public
class Solution(Formats):
    """A worked solution: a forward pass, its backward pass and every number in them.

    Made by :func:`chainrule.explain`. In a notebook and at the prompt it shows itself.

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
        """Return what marimo shows: the live widget, or without extras the static form."""
        if self._fits_a_cell():
            try:
                return self.widget()
            except ChainruleError:
                pass
        return showing.Html(self._repr_html_())

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

    def open(self, name: str) -> ScalarTerms:
        """Return the gradient of one number as its scalar products, which add up to it.

        The list that is returned is printed a product a line.

        Parameters
        ----------
        name : str
            As for :meth:`why`; a leading ``d`` of a gradient's name may stay: ``"dW[0, 1]"``.
        """
        node, index = asked(name, self._derivation)
        terms = ScalarTerms(scalar_terms(self._derivation.joint, node, index))
        terms.gradient = _gradient(element_name(self.label(node), index))
        terms.label = self.label
        return terms

    def shapes(self) -> ShapeNotes:
        """Return why each transpose, sum over an axis and outer product is there.

        The list that is returned is printed in sentences.
        """
        return ShapeNotes(shapes(self._derivation.joint, label=self._derivation.label))

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
