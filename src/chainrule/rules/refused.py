"""NumPy's functions that are not supported, each with the reason and a way around it.

Together with the rows and the compositions this accounts for every public function of
NumPy: ``docs/operations.md`` lists them, and a test fails when a release adds one that
stands nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why functions are not supported.

    Attributes
    ----------
    names : str
        Of the functions, below ``np.``, apart by spaces.
    why : str
        Continues "np.name ...".
    instead : str
        What to write instead; empty where nothing is missing.
    """

    names: str
    why: str
    instead: str = ""


#: Functions that take no traced array: what they return is used as it is.
PLAIN = (
    Reason(
        "arange array2string array_repr array_str bartlett base_repr binary_repr blackman "
        "broadcast_shapes diag_indices einsum_path empty eye format_float_positional "
        "format_float_scientific fromfunction full hamming hanning identity indices kaiser "
        "mask_indices ones ravel_multi_index tri tril_indices triu_indices unravel_index zeros "
        "ix_ diag_indices_from tril_indices_from triu_indices_from fft.fftfreq fft.rfftfreq",
        "makes an array of plain numbers, or text",
    ),
    Reason(
        "can_cast common_type isdtype isscalar issubdtype iterable min_scalar_type mintypecode "
        "promote_types typename isfortran may_share_memory shares_memory",
        "asks about types or memory",
    ),
    Reason(
        "busday_count busday_offset datetime_as_string datetime_data is_busday isnat",
        "is about dates",
    ),
    Reason(
        "from_dlpack frombuffer fromfile fromiter fromregex fromstring genfromtxt load loadtxt "
        "save savetxt savez savez_compressed",
        "reads or writes files and buffers",
    ),
    Reason(
        "get_include get_printoptions getbufsize geterr geterrcall info nested_iters printoptions "
        "set_printoptions setbufsize seterr seterrcall show_config show_runtime test fft.test "
        "linalg.test frompyfunc",
        "is about NumPy itself",
    ),
)

#: Functions that a gradient would have to pass through, and cannot.
REFUSED = (
    Reason(
        "array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix bmat "
        "require",
        "makes a plain array, in which the gradient would be lost",
        "the value itself; np.stack([...]) for a list of numbers, np.block for a list of arrays",
    ),
    Reason(
        "histogram histogram2d histogram_bin_edges histogramdd",
        "counts, and a count does not change where it does not jump",
        "a smooth count, such as np.sum(np.exp(-((x[:, None] - centres) / width) ** 2), axis=0)",
    ),
    Reason(
        "intersect1d isin setdiff1d setxor1d union1d unique_all unique_counts unique_inverse "
        "unique_values trim_zeros",
        "picks elements by their values, so that its shape depends on them",
        "np.unique, or an index that is computed from plain values",
    ),
    Reason(
        "poly polyadd polyder polydiv polyfit polyint polymul polysub roots",
        "is about polynomials as lists of coefficients",
        "np.polyval, np.convolve for a product, np.linalg.lstsq with np.vander for a fit, "
        "np.linalg.eigvals of the companion matrix for roots",
    ),
    Reason(
        "nanmedian nanpercentile nanquantile",
        "picks an element by its place among those that are numbers",
        "np.median, np.quantile of x[~np.isnan(x)]",
    ),
    Reason("packbits unpackbits", "is about bits"),
    Reason(
        "apply_over_axes", "calls a function once an axis",
        "a loop over the axes, or the function with a tuple of axes",
    ),
    Reason("place", "writes by a mask, as often as needed", "np.where(mask, values, x)"),
    Reason(
        "real_if_close", "returns a type that depends on values", "np.real(x)"
    ),
    Reason("sort_complex", "sorts complex numbers, which have no order", "np.sort of real parts"),
    Reason("row_stack", "was renamed", "np.vstack"),
    Reason(
        "lib.stride_tricks.as_strided",
        "reads memory without regard to what lies there",
        "np.lib.stride_tricks.sliding_window_view, np.broadcast_to or an index",
    ),
)  # fmt: skip


def reason(name: str) -> Reason | None:
    """Return why a function is refused, by its name in code, or None.

    Examples
    --------
    >>> reason("np.roots").why
    'is about polynomials as lists of coefficients'
    """
    for entry in REFUSED:
        if name.removeprefix("np.") in entry.names.split():
            return entry
    return None
