"""Calls of the methods of arrays that have a function of the same name."""

#: Their shape depends on values.
NEEDS_VALUES = {"a.nonzero()[0]"}

CALLS = """
a.prod()
a.prod(axis=0)
a.cumsum()
a.cumsum(axis=1)
a.cumprod()
a.cumprod(0)
a.argsort()
a.argsort(axis=0)
v.argpartition(2)
np.sort(v).searchsorted(w)
a.nonzero()[0]
a.compress([True, False, True], axis=0)
a.round()
a.round(1)
a * a.item(5)
a * a.item(1, 2)
(lambda x: x.sort() or x)(a.copy())
(lambda x: x.sort(axis=0) or x)(a.copy())
(lambda x: x.partition(2) or x * (x < x[:, 2:3]))(a.copy())
(lambda x: x[1].fill(s) or x)(a.copy())
a.diagonal()
a.T.ravel("F")
a.flatten("F")
round(s, 1)
w % 1.5
1.5 % v
w // 0.7
2.0 // v
divmod(w, 0.75)[1]
divmod(2.0, v)[1]
np.add.reduce(a, axis=0)
np.multiply.reduce(a, axis=1)
np.logaddexp.reduce(a)
np.logaddexp.reduce(a, axis=1, keepdims=True)
np.fmax.reduce(a, axis=1)
np.fmin.reduce(a)
np.add.accumulate(a)
np.maximum.accumulate(v)
np.maximum.accumulate(a)
np.maximum.accumulate(a, axis=1)
np.minimum.accumulate(c, axis=-2)
np.multiply.accumulate(a, axis=1)
np.multiply.outer(v, w)
np.subtract.outer(a, v)
"""
