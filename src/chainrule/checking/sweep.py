"""The picture of gradient checking: error against step size.

From the right, where steps are large, the error falls as fast as the formula's order says; at small
steps the rounding of f, divided by the step, takes over. In between lies the best that a
formula can do. Against a derivative that is wrong, every curve stops falling at the same height.
"""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checking.ladder import Function, real, rung_at, value_at
from chainrule.checking.numeric import Array, Slope, slope
from chainrule.errors import ArgumentError

_FORMULAS = ("one-sided", "central", "extrapolated")
_SUFFIXES = (".png", ".svg", ".pdf")

# Colours that stay apart in print and for the colour-blind (Okabe and Ito), and one for the claim.
_COLOURS = {"one-sided": "#D55E00", "central": "#0072B2", "extrapolated": "#009E73"}
_CLAIM = "#555555"


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Estimates of one derivative at many step sizes.

    Attributes
    ----------
    steps : ndarray
    one_sided, central, extrapolated : ndarray
        The estimates: (f(h) - f(0)) / h; (f(h) - f(-h)) / 2h; and central differences at
        h, 2h and 3h, combined.
    expected : float or None
        The derivative that is claimed.
    best : Slope
        The derivative as well as it can be known.
    """

    steps: Array
    one_sided: Array
    central: Array
    extrapolated: Array
    expected: float | None
    best: Slope

    @property
    def reference(self) -> float:
        """What errors are measured against: the claimed derivative, or else the best known."""
        return self.best.value if self.expected is None else self.expected

    @property
    def estimates(self) -> dict[str, Array]:
        """The estimates by the name of their formula."""
        return dict(zip(_FORMULAS, (self.one_sided, self.central, self.extrapolated), strict=True))

    @property
    def errors(self) -> dict[str, Array]:
        """The distances of the estimates from the reference, by the name of their formula."""
        return {name: np.abs(values - self.reference) for name, values in self.estimates.items()}

    @property
    def gap(self) -> float | None:
        """How far the claimed derivative is from the best known; None without a claim."""
        return None if self.expected is None else abs(self.expected - self.best.value)

    @property
    def wrong(self) -> bool:
        """Whether the claimed derivative is further off than the best known may be."""
        allowed = self.best.error + 1e-12 * abs(self.reference)
        return self.gap is not None and math.isfinite(self.best.value) and not self.gap <= allowed

    def text(self) -> str:
        """Return the errors as a table, one row a power of ten of the step.

        Returns
        -------
        str
        """
        errors = self.errors
        decades = np.round(np.log10(self.steps)).astype(int)
        rows = {decade: int(np.argmin(np.abs(np.log10(self.steps) - decade))) for decade in decades}
        lines = [f"{'step':>8}" + "".join(f"{name:>14}" for name in _FORMULAS)]
        lines += [
            f"{self.steps[i]:8.0e}" + "".join(f"{errors[name][i]:14.1e}" for name in _FORMULAS)
            for i in rows.values()
        ]
        return "\n".join([*lines, "", *self._summary()])

    def _summary(self) -> list[str]:
        best = self.best
        if best.kink:
            known = (
                f"There is a kink: the slope is {best.left:.10g} on the left"
                f" and {best.right:.10g} on the right."
            )
            right = "lies between both slopes of a kink"
        elif math.isfinite(best.error):
            known = f"The derivative is {best.value:.10g} ± {best.error:.2g} ({best.method})."
            right = "is right as far as can be told"
        else:
            return ["The derivative cannot be found: the function is not finite here."]
        if self.expected is None:
            return [known]
        verdict = f"is off by {self.gap:.2g}" if self.wrong else right
        return [known, f"The claimed derivative, {self.expected:.10g}, {verdict}."]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Draw the errors against the step, on logarithmic axes.

        Parameters
        ----------
        path : path-like
            Ending in .png, .svg or .pdf.

        Raises
        ------
        ArgumentError
            When the path ends otherwise, or matplotlib is not installed.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in _SUFFIXES:
            raise ArgumentError(
                "A plot is saved by the suffix of its file.",
                expected=", ".join(_SUFFIXES),
                got=suffix or "no suffix",
            )
        try:
            from matplotlib import rc_context
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as missing:
            raise ArgumentError(
                "Plots need matplotlib, which is not installed.",
                instead="pip install 'chainrule[plot]'",
            ) from missing
        with rc_context({"font.family": "DejaVu Sans", "svg.hashsalt": "chainrule"}):
            figure = Figure(figsize=(7.2, 4.4), layout="constrained")
            FigureCanvasAgg(figure)
            self.draw(figure.add_subplot())
            # A date would make every file differ from the last.
            dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
            figure.savefig(path, dpi=160, metadata=dates.get(suffix))

    def draw(self, axes: Any) -> None:
        """Draw the errors against the step into axes of matplotlib.

        Parameters
        ----------
        axes : matplotlib axes
        """
        low, high = self._range()
        axes.set(
            xscale="log",
            yscale="log",
            xlim=(np.min(self.steps), np.max(self.steps)),
            ylim=(low, high),
            xlabel="step h",
            ylabel="error" if self.expected is None else "distance from the claimed derivative",
        )
        axes.set_title(self._summary()[-1], loc="left", fontsize=10.5, pad=10)
        axes.grid(color="#E5E5E5", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        shown = {
            name: np.where(np.isfinite(error), np.maximum(error, low), np.nan)
            for name, error in self.errors.items()
        }
        for name, error in shown.items():
            axes.plot(self.steps, error, color=_COLOURS[name], linewidth=1.9)
        self._label_curves(axes, shown)
        self._mark_claim(axes, low)

    def _range(self) -> tuple[float, float]:
        """Return the limits of the errors; what is exact lies on the lower one."""
        errors = np.concatenate([*self.errors.values(), [self.gap or 0.0]])
        errors = errors[np.isfinite(errors) & (errors > 0)]
        if not errors.size:
            return 1e-17, 1.0
        size = max(abs(self.reference), 1e-200)
        low = max(float(np.min(errors)), 1e-17 * size)
        if self.wrong:
            # Room below shows how far the errors would have fallen.
            low = min(low, 1e-13 * size)
        return low / 3, max(float(np.max(errors)) * 3, low * 10)

    def _label_curves(self, axes: Any, shown: dict[str, Array]) -> None:
        """Write each name beside the end of its curve, apart from the others."""
        low, high = np.log(axes.get_ylim())
        widest = int(np.argmax(self.steps))
        ends = {name: (np.log(error[widest]) - low) / (high - low) for name, error in shown.items()}
        height = -1.0
        for name, end in sorted(ends.items(), key=lambda pair: pair[1]):
            height = max(end, height + 0.06) if math.isfinite(end) else height + 0.06
            axes.annotate(
                name,
                (1.015, height),
                xycoords="axes fraction",
                color=_COLOURS[name],
                verticalalignment="center",
                fontweight="bold",
                fontsize=9.5,
            )

    def _mark_claim(self, axes: Any, low: float) -> None:
        """Draw how far off the claimed derivative is, or at most can be."""
        if self.gap is None or self.best.kink or not math.isfinite(self.best.error):
            return
        level = self.gap if self.wrong else max(self.gap, self.best.error, low)
        text = f"claimed derivative: off by {level:.2g}"
        if not self.wrong:
            text = f"claimed derivative: right to {level:.2g}"
        axes.axhline(level, color=_CLAIM, linewidth=1.1, linestyle=(0, (5, 3)))
        axes.annotate(
            text,
            (0.01, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, 4 if self.wrong else -4),
            textcoords="offset points",
            verticalalignment="bottom" if self.wrong else "top",
            color=_CLAIM,
            fontsize=9,
        )


def sweep(f: Function, expected: float | None = None, steps: Any = None) -> Sweep:
    """Estimate the derivative of a function of one number at 0 at many step sizes.

    Parameters
    ----------
    f : callable
        As for :func:`chainrule.checking.numeric.slope`.
    expected : float, optional
        The derivative that is claimed.
    steps : sequence of float, optional
        From 0.1 to 1e-13 unless given, four a power of ten.

    Returns
    -------
    Sweep

    Raises
    ------
    ArgumentError
        When the steps are not positive numbers.

    Examples
    --------
    >>> result = sweep(lambda h: np.exp(h), expected=1.0, steps=[1e-1, 1e-5, 1e-9])
    >>> result.errors["central"] < [1e-2, 1e-9, 1e-6]
    array([ True,  True,  True])
    """
    given = np.logspace(-1, -13, 49) if steps is None else np.asarray(steps, dtype=np.float64)
    if given.ndim != 1 or not given.size or not np.all((given > 0) & np.isfinite(given)):
        raise ArgumentError(
            "Derivatives are estimated at steps that are positive numbers.",
            expected="a sequence such as [1e-1, 1e-2, 1e-3]",
            got=repr(steps)[:80],
        )
    best = slope(f)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        middle = real(f(0.0))
        rows = [_estimates(f, middle, float(h)) for h in given]
    one_sided, central, extrapolated = np.array(rows).T
    claimed = None if expected is None else float(expected)
    return Sweep(given, one_sided, central, extrapolated, claimed, best)


def _estimates(f: Function, middle: float, h: float) -> tuple[float, float, float]:
    right, left = value_at(f, h), value_at(f, -h)
    rung = rung_at(f, middle, h)
    return (right - middle) / h, (right - left) / (2 * h), rung.derivative if rung else math.nan
