"""For test suites: a hand-written backward pass that is wrong fails the test, and says where."""

from __future__ import annotations

from typing import Any

from chainrule.calling import public
from chainrule.checking.api import check
from chainrule.checking.report import Report
from chainrule.checking.telling import untested


@public
def assert_backward(forward: Any, /, *args: Any, **kwargs: Any) -> Report:
    """Fail unless a hand-written backward pass is right.

    Parameters
    ----------
    forward, *args, **kwargs
        As for :func:`chainrule.check`, in any of its forms.

    Returns
    -------
    Report
        Of a pass that is right.

    Raises
    ------
    AssertionError
        When a gradient is wrong, with the report as its message; also when no gradient could
        be tested, as at a kink.
    ArgumentError
        When it is not clear what is to be checked.

    Examples
    --------
    >>> from chainrule.testing import assert_backward
    >>> def square(x):
    ...     return x * x
    >>> def square_backward(dy, x):
    ...     return 2 * x * dy
    >>> bool(assert_backward(square, square_backward, 3.0))
    True
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    report = check(forward, *args, **kwargs)
    if not report.ok or untested(report):
        raise AssertionError(report.text())
    return report
