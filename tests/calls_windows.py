"""Sliding windows, and convolutions through them."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_VIEW = "np.lib.stride_tricks.sliding_window_view"

OPERANDS = {
    "x": ((2, 3, 6), -2.0, 2.0),  # batch, channels, length
    "k": ((4, 3, 2), -2.0, 2.0),  # channels out, channels in, length of the kernel
    "h": ((2, 3, 5, 4), -2.0, 2.0),  # batch, channels, height, width
    "g": ((2, 3, 3, 2), -2.0, 2.0),  # channels out, channels in, height, width of the kernel
    "y": ((8,), -2.0, 2.0),
}

CONSTANTS = {"windows": sliding_window_view, "np": np}

CALLS = f"""
{_VIEW}(v, 2)
{_VIEW}(v, 4)
{_VIEW}(v, (3,))
{_VIEW}(v, [1])
{_VIEW}(v, window_shape=2)
{_VIEW}(a, (2, 3))
{_VIEW}(a, (2, 2), (1, 0))
{_VIEW}(a, 2, axis=0)
{_VIEW}(a, 2, axis=-1)
{_VIEW}(a, (3,), axis=(1,))
{_VIEW}(a, (2, 2), axis=(1, 1))
{_VIEW}(c, (2, 3), axis=(1, 2))
{_VIEW}(c, (3, 2), axis=(-1, 0))
{_VIEW}(c, 3, axis=1)
{_VIEW}(y, 7)
{_VIEW}(h, (5, 3), axis=(2, 3))
{_VIEW}(v, 2, writeable=False)
{_VIEW}(v, 2)[::2]
{_VIEW}(y, 3).sum(axis=-1)
windows(y, 3) @ v[:3]
windows(y, 3)[::2] @ np.array([1.0, 0.0, -1.0])
np.einsum("bclk,ock->bol", windows(x, 2, axis=2), k)
np.einsum("bchwij,ocij->bohw", windows(h, (3, 2), axis=(2, 3)), g)
np.tensordot(windows(h, (3, 2), axis=(2, 3)), g, axes=([1, 4, 5], [1, 2, 3]))
windows(h, (2, 2), axis=(2, 3)).max(axis=(-2, -1))
"""
