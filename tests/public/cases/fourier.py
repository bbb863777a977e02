"""The extension of Fourier transforms."""

from __future__ import annotations

from hypothesis import strategies as st

from cases.drawing import COMPLEX, REAL_FLOATING, Case, Example, Source, find

SLACK = 8.0
LENGTHS = st.sampled_from([None, None, 1, 5, 12, 16])
NORMS = st.sampled_from(["backward", "ortho", "forward"])


def transform(name: str, dtypes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(dtypes), s.shape(1, 3, 2, 17), finite=True)
        axis = s.axis(x.ndim, none=False)
        n, norm = s.draw(LENGTHS, "n"), s.draw(NORMS, "norm")
        return Example(
            (x,), lambda xp, a: find(xp, name)(a, n=n, axis=axis, norm=norm), f"{x.shape} {n} {axis}"
        )

    return Case(name, draw, SLACK)


def transforms(name: str, dtypes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(dtypes), s.shape(1, 3, 2), finite=True)
        norm = s.draw(NORMS, "norm")
        axes = s.draw(
            st.one_of(st.none(), st.permutations(range(x.ndim)).map(lambda p: tuple(p[:2]))), "axes"
        )
        points = None
        if axes is not None and s.flag("s given"):
            points = tuple(s.number(2, 12) for _ in axes)
        return Example(
            (x,),
            lambda xp, a: find(xp, name)(a, s=points, axes=axes, norm=norm),
            f"{x.shape} {points} {axes}",
        )

    return Case(name, draw, SLACK)


def frequencies(name: str) -> Case:
    def draw(s: Source) -> Example:
        n, d, dtype = s.number(1, 20), s.draw(st.sampled_from([1.0, 0.25, 3.0])), s.dtype(REAL_FLOATING)
        return Example((), lambda xp: find(xp, name)(n, d=d, dtype=getattr(xp, dtype)), f"{n} {d}")

    return Case(name, draw)


def shift(name: str) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(COMPLEX + REAL_FLOATING), s.shape(1))
        axes = s.axes(x.ndim)
        return Example((x,), lambda xp, a: find(xp, name)(a, axes=axes), f"axes={axes}")

    return Case(name, draw)


FOURIER_CASES = [
    *(transform(f"fft.{name}", COMPLEX) for name in ("fft", "ifft", "irfft", "hfft")),
    *(transform(f"fft.{name}", REAL_FLOATING) for name in ("rfft", "ihfft")),
    *(transforms(f"fft.{name}", COMPLEX) for name in ("fftn", "ifftn", "irfftn")),
    transforms("fft.rfftn", REAL_FLOATING),
    *(frequencies(f"fft.{name}") for name in ("fftfreq", "rfftfreq")),
    *(shift(f"fft.{name}") for name in ("fftshift", "ifftshift")),
]
