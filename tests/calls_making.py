"""Calls that make arrays between ends, or fill them."""

CALLS = """
np.linspace(s, t, 5)
np.linspace(s, 3.0, 4, endpoint=False)
np.linspace(v, w, 3)
np.linspace(v, 2.0, 3, axis=1)
np.linspace(v, w, 3, axis=-1)
np.linspace(s, t, 5, retstep=True)[1]
np.linspace(s, t, 1)
np.logspace(s, t, 4)
np.logspace(v, 1.5, 3, base=2.0)
np.geomspace(s, 8.0, 4)
np.geomspace(v, 8.0, 4, axis=1)
np.astype(a, np.float32)
np.apply_along_axis(np.sum, 0, a)
np.apply_along_axis(lambda x: x[::2] * x[1], 1, a)
np.apply_along_axis(lambda x: np.outer(x, x), 0, a)
(lambda x: np.put(x, [0, -1, 5], [s, t, 2.0]) or x)(a.copy())
(lambda x: np.put(x, [1, 2, 3], s) or x)(a.copy())
(lambda e: e.fill(s) or e)(np.empty_like(a))
np.isreal(a)
np.iscomplex(a)
np.where(a > 0)[0]
"""

NEEDS_VALUES = {"np.where(a > 0)[0]"}
