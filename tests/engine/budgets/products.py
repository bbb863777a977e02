"""Cases of products, factorizations and Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_dist as xp
from budgets.elements import CUBE, MATRIX, of
from budgets.measure import Case, Make, complex_normal, definite, even_layouts, normal

SQUARE, BATCH, TALL, WIDE, NEITHER = (96, 96), (16, 8, 8), (800, 6), (6, 800), (96, 60)


def matrices(function: Callable[..., Any], *shapes: tuple[int, ...], make: Make = definite) -> list[Case]:
    return [Case(function, (shape,), (make,)) for shape in shapes]


LINALG: dict[str, list[Case]] = {
    **{
        f"linalg.{name}": matrices(of(f"linalg.{name}"), SQUARE, BATCH, (3, 40, 40))
        for name in ("cholesky", "det", "slogdet", "inv", "eig", "eigh", "eigvals", "eigvalsh")
    },
    **{
        f"linalg.{name}": matrices(
            of(f"linalg.{name}"), TALL, WIDE, NEITHER, (16, 9, 7), (2, 400, 5), make=normal
        )
        for name in ("qr", "svdvals", "matrix_rank", "pinv")
    },
    "linalg.svd": [
        *matrices(
            lambda x: xp.linalg.svd(x, full_matrices=False), TALL, WIDE, NEITHER, (16, 9, 7), make=normal
        ),
        Case(xp.linalg.svd, ((200, 6),), times=2),
    ],
    "linalg.solve": [
        Case(xp.linalg.solve, (SQUARE, (96,)), (definite, normal)),
        Case(xp.linalg.solve, (SQUARE, (96, 40)), (definite, normal)),
        Case(xp.linalg.solve, (BATCH, (16, 8, 5)), (definite, normal), layouts=even_layouts),
    ],
    "linalg.matrix_power": [
        Case(lambda x: xp.linalg.matrix_power(x, 5), (SQUARE,), (definite,), times=5),
        Case(lambda x: xp.linalg.matrix_power(x, -2), (BATCH,), (definite,), times=-2),
    ],
    "linalg.matrix_norm": [
        *(
            Case(lambda x, order=order: xp.linalg.matrix_norm(x, ord=order), (shape,), times=times)
            for shape in (MATRIX, CUBE)
            for order, times in (("fro", 1), (1, 1), (float("inf"), 1), (-1, 1))
        ),
        *(
            Case(lambda x, order=order: xp.linalg.matrix_norm(x, ord=order), (TALL,), times=2)
            for order in ("nuc", 2)
        ),
    ],
}
LINALG["linalg.qr"].append(Case(lambda x: xp.linalg.qr(x, mode="complete"), ((96, 10),), times=2))

CONTRACTIONS: dict[str, list[Case]] = {
    "matmul": [
        Case(xp.matmul, shapes)
        for shapes in [(MATRIX, (40, 60)), (SQUARE, SQUARE), ((2400,), (2400,)), (BATCH, BATCH), (SQUARE, (96,)),
                       ((16, 400), (400, 16))]
    ],
    "tensordot": [
        Case(lambda x, y: xp.tensordot(x, y, axes=1), (MATRIX, (40, 9))),
        Case(lambda x, y: xp.tensordot(x, y, axes=((0, 2), (0, 1))), (CUBE, (24, 20, 5)), layouts=even_layouts),
    ],
    "vecdot": [Case(xp.vecdot, (MATRIX, MATRIX)), Case(lambda x, y: xp.vecdot(x, y, axis=-2), (MATRIX, (240, 1)))],
    "linalg.outer": [Case(xp.linalg.outer, ((240,), (40,)))],
    "linalg.cross": [
        Case(xp.linalg.cross, ((800, 3), (800, 3))), Case(lambda x, y: xp.linalg.cross(x, y, axis=-2), ((3, 80), (3, 1))),
    ],
}  # fmt: skip


def transforms(name: str, make: Make, points: Callable[[int], int], *, several: bool) -> list[Case]:
    """Transform a matrix along each axis, long vectors with and without two factors of at least P, and other lengths."""
    function = of(f"fft.{name}")
    keyword = "axes" if several else "axis"

    def along(shape: tuple[int, ...], axis: int, n: int | None = None) -> Case:
        keywords = {keyword: (axis,) if several else axis}
        if n is not None:
            keywords["s" if several else "n"] = (n,) if several else n
        count = points(shape[axis]) if n is None else n
        return Case(lambda x: function(x, **keywords), (shape,), (make,), axes=(axis,), times=count)

    found = [along(MATRIX, 0, 100 if name.startswith("i") else None), along((4097,), 0)]
    if name in {"fft", "rfft", "irfft"}:
        found += [along(MATRIX, 1), along((4096,), 0), along((1009, 2), 0)]
    if several:
        found.append(Case(function, (CUBE,), (make,), axes=(0, 1, 2), times=max(CUBE) * 2))
    return found


def _same(length: int) -> int:
    return length


def _mirrored(length: int) -> int:
    return 2 * (length - 1)


FOURIER: dict[str, list[Case]] = {
    f"fft.{name}": transforms(name, make, points, several=name.endswith("n"))
    for name, make, points in [
        ("fft", complex_normal, _same), ("ifft", complex_normal, _same), ("fftn", complex_normal, _same),
        ("ifftn", complex_normal, _same), ("rfft", normal, _same), ("rfftn", normal, _same), ("ihfft", normal, _same),
        ("irfft", complex_normal, _mirrored), ("irfftn", complex_normal, _mirrored), ("hfft", complex_normal, _mirrored),
    ]
}  # fmt: skip

CASES: dict[str, list[Case]] = {**LINALG, **CONTRACTIONS, **FOURIER}
