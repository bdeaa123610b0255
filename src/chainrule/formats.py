"""Every form of a worked solution: text, formulas, code, pictures, pages and files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chainrule.calling import public
from chainrule.emit import loops_source, numpy_source
from chainrule.errors import ArgumentError
from chainrule.explaining.derivation import Derivation
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_asked
from chainrule.explaining.step import Step
from chainrule.render import RENDERERS, SUFFIXES
from chainrule.render.text import gradient_to_text

if TYPE_CHECKING:
    from pathlib import Path

    from chainrule.picture.drawing import Drawing

#: A notebook shows pages of forward passes with so many nodes; of longer ones it makes no widget.
_SHOWN = 1_000
#: What is longer shows so many steps of each pass.
_FIRST = 20


@public
class Formats:
    """What can be read off an explanation, and the forms that it is written in."""

    _derivation: Derivation
    _explanation: Explanation

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

    # -- forms ---------------------------------------------------------------------------

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
            raise self._no_step(of, [s for s in self.steps if s.kind not in ("input", "forward")])
        return found

    def _no_step(self, of: str, steps: Sequence[Step]) -> ArgumentError:
        known = ", ".join(dict.fromkeys(s.target for s in steps))
        return ArgumentError(f"There is no step for {of!r}.", expected=f"one of {known}", got=of)

    # -- in notebooks --------------------------------------------------------------------

    def _repr_markdown_(self) -> str | None:
        return self.markdown() if self._fits_a_cell() else None

    def _repr_html_(self) -> str:
        from chainrule.view.static_form import static_html

        return static_html(self._explanation, None if self._fits_a_cell() else _FIRST)

    def _fits_a_cell(self) -> bool:
        """Whether a page of all steps is of a size that a cell shows unasked."""
        return len(self._derivation.graph) <= _SHOWN

    # -- forms ---------------------------------------------------------------------------

    def notation(self, *names: str) -> Notated:
        """Return the same computation in another notation, to be shown and saved.

        Parameters
        ----------
        *names : {"columns", "rows", "sum", "mean"}
            With samples as columns, or as rows: every matrix is its transpose. With the sum over
            the samples in place of their mean, or the reverse: each gradient then differs by the
            number of samples. Several are applied one after the other.

        Returns
        -------
        Notated
            With all forms of a Solution: ``text()``, ``latex()``, ``svg()``, ``save(...)``.

        Raises
        ------
        ArgumentError
            When the computation cannot be written so, with the reason.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> s = cr.explain(lambda x, w: np.mean(x @ w), np.ones((3, 2)), np.ones((2, 1)))
        >>> s.grads["w"].shape, s.notation("columns").grads["w"].shape
        ((2, 1), (1, 2))
        """
        return Notated(self._explanation, names)

    def markdown(self) -> str:
        """Return the worked solution as Markdown, with formulas in LaTeX between dollars."""
        return RENDERERS["markdown"](self._explanation)

    def latex(self, of: str | None = None) -> str:
        r"""Return the worked solution as a LaTeX document, or some formulas of it for a slide.

        Parameters
        ----------
        of : str, optional
            A gradient or a value, such as ``"dz"`` or ``"z"``: the formulas of its steps, to be
            put between dollars. They need amsmath.

        Raises
        ------
        ArgumentError
            When there is no step for it.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.explain(lambda w, x: w * x, 2.0, 3.0).latex(of="output")
        '\\mathrm{output} = w \\cdot x = 2 \\cdot 3 = 6'
        """
        if of is None:
            return RENDERERS["latex"](self._explanation)
        from chainrule.render.formulas import equations
        from chainrule.view.steps import latex_of

        found = [s for s in self.steps if s.target == gradient_asked(of)]
        if not found:
            raise self._no_step(of, self.steps)
        return latex_of([equation for step in found for equation in equations(step)])

    def json(self) -> str:
        """Return the worked solution as JSON."""
        return RENDERERS["json"](self._explanation)

    def html(self) -> str:
        """Return the worked solution as one HTML file to step through.

        It needs nothing else, and loads nothing: formulas are MathML, and the picture, the
        paths of each number and other notations are in it.
        """
        return self._html(self._explanation, ())

    def _html(self, explanation: Explanation, notation: Sequence[str]) -> str:
        """Return the page of an explanation that begins in a notation, which these views show."""
        from chainrule.view import document, page  # what the text alone has no need of

        made = document(explanation, alone=True, notation=notation)
        return page(made, "" if made["left_out"] else self.text())

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
        from chainrule.picture.scenes import scene

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

        .txt, .md, .tex, .json and .py; .html to step through; as a picture
        .svg, and with matplotlib .png, .pdf and .gif.

        Parameters
        ----------
        path : str or Path

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


class Notated(Formats):
    """A worked solution in another notation, made by :meth:`Formats.notation`.

    Attributes
    ----------
    value : number or array
    grads : dict
        In the notation, too: transposed, or multiplied by the number of samples.
    """

    def __init__(self, explanation: Explanation, names: Sequence[str]) -> None:
        from chainrule.explaining.notations import rewritten

        self._given, self._names = explanation, tuple(names)
        self._explanation = rewritten(explanation, names)
        self._derivation = self._explanation.derivation

    def notation(self, *names: str) -> Notated:
        """Return it in still another notation: these names come after those that it has."""
        return Notated(self._given, (*self._names, *names))

    def html(self) -> str:
        """Return the page of the solution, which begins in this notation and has the others."""
        return self._html(self._given, self._names)

    def __str__(self) -> str:
        return self.text()
