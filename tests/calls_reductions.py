"""Calls of NumPy's reductions and statistics, scans, sorting and quantiles."""

import numpy as np

# LINE and SPREAD set elements so far apart that no difference changes their order.
CONSTANTS = {
    "HOLES": np.array([[0.0, np.nan, 0.0, 0.0], [np.nan, 0.0, 0.0, np.nan], [0.0, 0.0, 0.0, 0.0]]),
    "KEEP": np.array([[True, False, True, True], [False, True, True, False], [True] * 4]),
    "COLUMN": np.array([[True], [False], [True]]),
    "SPREAD": np.arange(12.0).reshape(3, 4)[:, [2, 0, 3, 1]] * 5,
    "LINE": np.array([35.0, -5.0, 50.0, 0.0, 15.0, 25.0, -20.0, 60.0, 9.0, -40.0, 70.0, -30.0]),
    "ZEROS": np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]]),
    "COUNTS": np.array([1, 2, 3, 1]),
}

_FORMS = (
    "a", "a, axis=0", "a, axis=-1", "a, 1", "a, axis=(0, 1)", "a, axis=0, keepdims=True",
    "c, axis=(0, 2)", "c, axis=(-1, 0), keepdims=True", "v", "s", "a, keepdims=True",
    "a, axis=()",
)  # fmt: skip

_NAN_FORMS = (
    "a + HOLES", "a + HOLES, axis=0", "a + HOLES, axis=-1, keepdims=True", "a, axis=(0, 1)", "v",
    "a + HOLES, 1",
)  # fmt: skip

_SCANS = ("a", "a, axis=0", "a, axis=-1", "c, 1", "v", "s", "a, dtype=float", "v, axis=0")

_LINES = [
    *(f"np.prod({form})" for form in _FORMS),
    *(
        f"np.{name}({form})"
        for name in ("nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd")
        for form in _NAN_FORMS
    ),
    *(f"np.{name}({form})" for name in ("cumsum", "cumprod") for form in _SCANS),
    *(
        f"np.{name}({form})"
        for name in ("nancumsum", "nancumprod")
        for form in ("a + HOLES", "a + HOLES, axis=1", "v")
    ),
    *(
        f"np.{name}({form})"
        for name in ("cumulative_sum", "cumulative_prod")
        for form in (
            "v", "a, axis=1", "a, axis=0, include_initial=True", "v, include_initial=True", "s",
            "a, axis=-1, dtype=float",
        )
        if hasattr(np, name)
    ),
    *(
        f"np.{name}({form})"
        for name in ("sum", "prod", "max", "min", "nanmax")
        for form in (
            "a, initial=0.3", "a, axis=0, initial=s", "a, axis=1, initial=2", "a, initial=-1.7",
            "a, axis=0, where=KEEP, initial=0.5", "a, where=a > w, initial=s",
            "c, axis=(0, 2), keepdims=True, initial=1.5, where=KEEP",
        )
    ),
    *(
        f"np.{name}({form})"
        for name in ("sum", "prod", "mean", "var", "std", "nansum", "nanmean", "nanvar", "nanprod")
        for form in (
            "a, where=KEEP", "a, axis=0, where=KEEP", "a, axis=1, where=COLUMN | KEEP",
            "c, axis=(0, 2), keepdims=True, where=KEEP",
        )
    ),
    *(
        f"np.{name}({form})"
        for name in ("sum", "prod", "mean", "var", "std", "nansum", "nanmean")
        for form in ("a, dtype=float", "a, 0, float", "a, dtype='float64', keepdims=True")
    ),
    *(
        f"np.{name}({form})"
        for name in ("median", "ptp")
        for form in (
            "a.ravel() + LINE", "a.ravel()[:11] + LINE[:11]", "a + SPREAD", "a + SPREAD, axis=0",
            "a + SPREAD, axis=1, keepdims=True", "a + SPREAD, axis=(0, 1)",
            "a + SPREAD, keepdims=True", "np.stack([a + SPREAD, b - SPREAD]), axis=(0, 2)",
            "np.stack([a + SPREAD, b - SPREAD]), axis=(2, 1), keepdims=True", "s",
        )
    ),
    *(
        f"np.quantile(a.ravel() + LINE, {q})"
        for q in ("0.3", "0.0", "1", "[0.1, 0.5, 0.9]", "np.array([[0.2], [0.7]])", "(0.25, 0.75)")
    ),
    *(
        f"np.quantile(a.ravel() + LINE, 0.37, method={method!r})".replace("'", '"')
        for method in (
            "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
            "interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased",
            "normal_unbiased", "lower", "higher", "midpoint", "nearest",
        )
    ),
    *(
        f"np.{name}({form})"
        for name in ("sort", "argsort")
        for form in (
            "a.ravel() + LINE", "a + SPREAD", "a + SPREAD, 0", "a + SPREAD, axis=-1",
            "a + SPREAD, axis=None", "np.stack([a + SPREAD, b - SPREAD]), 1",
            'a.ravel() + LINE, kind="stable"', "a.ravel() + LINE, stable=True",
        )
    ),
    *(
        f"np.{name}({form})"
        for name in ("partition", "argpartition")
        for form in (
            "a.ravel() + LINE, 4", "a + SPREAD, 2, axis=0", "a + SPREAD, (1, 2)",
            "a + SPREAD, 5, axis=None", "a + SPREAD, -1",
        )
    ),
]  # fmt: skip

CALLS = (
    "\n".join(_LINES)
    + """
np.prod(a * ZEROS)
np.prod(a * ZEROS, axis=0)
np.prod(a * ZEROS, axis=1, keepdims=True)
np.prod(a * ZEROS, axis=(0, 1))
np.cumprod(a * ZEROS, axis=1)
np.cumprod(a * ZEROS, axis=0)
np.cumprod(v, dtype="float64")
np.mean(a, where=a > -0.5)
np.mean(a, axis=1, where=[True, False, True, True])
np.var(a, axis=0, correction=1)
np.var(a, axis=1, mean=np.mean(a, axis=1, keepdims=True))
np.std(a, axis=1, where=KEEP, ddof=1, mean=np.mean(a, axis=1, keepdims=True))
np.var(a, where=KEEP, ddof=1)
np.nanvar(a + HOLES, axis=1, ddof=1)
np.nanstd(a + HOLES, ddof=2, keepdims=True)
np.nanmean(a + HOLES, axis=1, where=KEEP)
np.any(a > 0, where=KEEP)
np.all(a > 0, axis=1, where=COLUMN)
np.all(a > -1, axis=0, where=KEEP)
np.count_nonzero(a > 0, axis=(0, 1), keepdims=True)
np.nanargmax(a + HOLES)
np.nanargmin(a + HOLES, axis=1)
np.argmax(a, axis=1, keepdims=True)
np.median(c, axis=None)
np.median(v * 0.5)
np.quantile(a + SPREAD, 0.4, axis=0)
np.quantile(a + SPREAD, 0.4, axis=1, keepdims=True)
np.quantile(a + SPREAD, [0.4, 0.6], axis=(0, 1))
np.quantile(a + SPREAD, [0.4, 0.6], axis=(0, 1), keepdims=True)
np.quantile(a + SPREAD, [0.4, 0.1, 0.5], axis=0)
np.quantile(a + SPREAD, [[0.4], [0.1]], axis=-1, keepdims=True)
np.quantile(np.stack([a + SPREAD, b - SPREAD]), [0.4, 0.1], axis=(0, 2))
np.percentile(a.ravel() + LINE, 30)
np.percentile(a.ravel() + LINE, [25, 75])
np.percentile(a + SPREAD, 62.5, axis=1, method="higher")
np.percentile(a + SPREAD, q=10, axis=0, keepdims=True)
np.average(a, weights=p, returned=True)[0]
np.average(a, weights=p, returned=True)[1]
np.average(a, axis=1, weights=v, returned=True)[0]
np.average(a, axis=1, weights=v, returned=True)[1]
np.average(a, axis=0, returned=True)[1]
np.average(a, returned=True)[0]
np.average(a, axis=1, weights=[1.0, 2.0, 3.0, 4.0])
np.cov(a)
np.cov(a, rowvar=False)
np.cov(v)
np.cov(v, w)
np.cov(a, b)
np.cov(a, w)
np.cov(a, bias=True)
np.cov(a, ddof=0)
np.cov(a, ddof=2)
np.cov(a, fweights=COUNTS)
np.cov(a, aweights=v)
np.cov(a, aweights=v, fweights=COUNTS)
np.cov(a, aweights=v, ddof=0)
np.cov(a.T, b.T, rowvar=False)
np.cov(m, rowvar=False, dtype=float)
np.corrcoef(a)
np.corrcoef(a, rowvar=False)
np.corrcoef(v, w)
np.corrcoef(a, b)
np.unwrap(a.ravel() * 3)
np.unwrap(a * 4, axis=0)
np.unwrap(a * 4, period=4)
np.unwrap(a.ravel() * 3, discont=4.0)
np.lexsort((a.ravel(), LINE))
np.lexsort((LINE, a.ravel()))
np.lexsort(a)
np.lexsort(a, axis=0)
np.searchsorted(np.sort(a.ravel()), w)
np.searchsorted(np.array([-1.0, 0.0, 1.0]), a, side="right")
np.searchsorted(a.ravel(), w, sorter=np.argsort(a.ravel()))
np.searchsorted([0.0, 1.0], s)
np.digitize(a, np.array([-1.0, 0.0, 1.0]))
np.digitize(a, [-1.0, 0.0, 1.0], right=True)
np.unique(a.ravel() + LINE)
np.unique(a + SPREAD)
np.unique(a + SPREAD, return_index=True)[1]
np.unique(a + SPREAD, return_inverse=True)[1]
np.unique(np.rint(a), return_counts=True)[1]
np.unique(np.concatenate([v, v]))
np.unique(np.concatenate([v, v]), return_inverse=True, return_counts=True)[1]
np.bincount(np.array([0, 2, 2, 1]), w)
np.bincount(np.array([0, 2, 2, 1]), weights=v, minlength=6)
np.interp(v, [0.0, 1.0, 3.0], [1.0, -1.0, 2.0])
np.interp(s, [0.0, 1.0, 3.0], w[:3])
np.interp(a.ravel() * 2, np.cumsum(v), w)
np.interp(a, np.cumsum(v), w, left=s)
np.interp(a, np.cumsum(v), w, left=-1.0, right=t)
np.interp(a, v[:1], w[:1])
np.trapezoid(w)
np.trapezoid(w, v)
np.trapezoid(a, dx=0.5)
np.trapezoid(a, dx=s, axis=0)
np.trapezoid(a, x=v)
np.trapezoid(a, x=v[:3], axis=0)
np.trapezoid(a, x=b, axis=1)
np.trapezoid(a, [0.0, 1.0, 3.0, 4.0])
np.gradient(w)
np.gradient(w, 0.5)
np.gradient(w, s)
np.gradient(w, np.cumsum(v))
np.gradient(w, np.cumsum(v), edge_order=2)
np.gradient(w, edge_order=2)
np.gradient(a)[0]
np.gradient(a)[1]
np.gradient(a, axis=0)
np.gradient(a, 2.0, axis=-1)
np.gradient(a, 2.0, np.cumsum(v))[1]
np.gradient(a, s, [0.0, 1.0, 3.0, 4.0], edge_order=2)[1]
np.gradient(a, axis=(1, 0))[0]
np.gradient(c, 1.0, 2.0, 3.0)[2]
np.ediff1d(w)
np.ediff1d(a)
np.ediff1d(w, to_end=s)
np.ediff1d(w, to_begin=[1.0, 2.0], to_end=v)
np.diff(a, prepend=0.0)
np.diff(a, axis=0, append=s)
np.diff(a, prepend=b, append=n, axis=1)
np.diff(a, n=0)
np.diff(v, n=3)
np.polyval(w, s)
np.polyval(w, v)
np.polyval([1.0, -2.0, 0.5], a)
np.polyval(w, a)
np.vander(v)
np.vander(w, 3)
np.vander(w, increasing=True)
np.vander(v, N=2, increasing=True)
np.convolve(a.ravel(), w)
np.convolve(a.ravel(), w, "same")
np.convolve(a.ravel(), w, mode="valid")
np.convolve(w, a.ravel())
np.convolve(w, a.ravel(), "same")
np.convolve(w, a.ravel(), "valid")
np.convolve(a.ravel(), np.append(v, s), "same")
np.convolve(a.ravel(), [1.0, -1.0])
np.convolve(w, 2.0)
np.convolve(s, w)
np.correlate(a.ravel(), w)
np.correlate(a.ravel(), w, "same")
np.correlate(a.ravel(), w, mode="full")
np.correlate(w, a.ravel())
np.correlate(w, a.ravel(), "same")
np.correlate(w, a.ravel(), "full")
np.correlate(a.ravel(), np.append(v, s), "same")
np.correlate(np.append(v, s), w, "same")
np.correlate(w, np.append(v, s), "same")
"""
)

#: What depends on values for its shape can only be traced with them.
NEEDS_VALUES = {line for line in CALLS.splitlines() if line.startswith("np.unique(")}
