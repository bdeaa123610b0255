"""The notebook widget: the view of a solution, live.

::

    Solution --Session--> documents and answers, plain data --SolutionWidget--> view.js

:class:`~chainrule.widget.session.Session` knows nothing of notebooks. It needs NumPy alone,
as the exported page does; :func:`show` needs anywidget besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.errors import MissingExtraError

if TYPE_CHECKING:
    from chainrule.solution import Solution
    from chainrule.widget.live import SolutionWidget

__all__ = ["show"]


def show(solution: Solution) -> SolutionWidget:
    """Make a widget of a solution, which a notebook shows; ``solution.widget()`` keeps one.

    Parameters
    ----------
    solution : Solution

    Returns
    -------
    SolutionWidget

    Raises
    ------
    MissingExtraError
        Where anywidget is not installed.

    Examples
    --------
    >>> import chainrule as cr
    >>> s = cr.explain(lambda w, x: w * x, 2.0, 3.0)
    >>> show(s).solution is s, s.widget() is s.widget()
    (True, True)
    """
    try:
        from chainrule.widget.live import SolutionWidget
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "The notebook widget needs anywidget.", got=str(error),
            instead="pip install 'chainrule[look]'",
        ) from error  # fmt: skip
    return SolutionWidget(solution)
