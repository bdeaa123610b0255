"""Calls of NumPy's discrete Fourier transforms, of the conjugate and of the parts."""

_NAMES = "fft ifft rfft irfft hfft ihfft"
_ARGUMENTS = ("a", "a, 3", "a, n=6, axis=0", "c, axis=1, norm='ortho'", "v, norm='forward'")
_SEVERAL = "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn"
_MANY = ("a", "c", "c, axes=(0, 2)", "a, s=(2, 5), axes=(0, 1)", "c, (4, 2), (1, 0), 'ortho'")

CALLS = "\n".join(
    [
        *(f"np.fft.{n}({args})" for n in _NAMES.split() for args in _ARGUMENTS),
        *(f"np.abs(np.fft.{n}({args}))" for n in _NAMES.split() for args in _ARGUMENTS),
        *(f"np.fft.{n}({args})" for n in _SEVERAL.split() for args in _MANY),
        *(f"np.abs(np.fft.{n}({args}))" for n in _SEVERAL.split() for args in _MANY),
        *(
            f"np.fft.{n}({args})"
            for n in ("fftshift", "ifftshift")
            for args in ("v", "a", "c, axes=1", "c[:, :, 1:], axes=(0, -1)")
        ),
        "np.fft.irfft(np.fft.rfft(a), 4)",
        "np.fft.irfft(np.fft.rfft(c[:, :, 1:], axis=-1), 3)",
        "np.real(np.fft.ifft(np.fft.fft(v) * np.fft.fft(w)))",
        "np.conjugate(a)",
        "np.conj(a + 1j * b)",
        "np.real(a * 1j + b)",
        "np.imag(a * 1j + b)",
        "np.real(a)",
        "np.imag(a)",
        "a.real",
        "a.imag",
        "a.conj()",
        "(a * 1j).conjugate()",
        "(a * 1j + b).imag",
        "np.angle(a + 1j * b)",
        "np.angle(p + 1j * q, deg=True)",
        "np.angle(p)",
        "np.real(np.vdot(a + 1j * b, b - 1j * a))",
        "np.real((a + 1j) @ (m + 2j))",
        "np.abs((p + 1j * q) ** 1.5)",
    ]
)
