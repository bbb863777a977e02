"""Cases of what treats elements one by one, reduces, scans and rearranges them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import array_api_dist as xp
from array_api_dist.local import from_callback, from_local, to_local
from array_api_dist.partition import repartition
from benchmarks.budgets.table import LOCAL, MEETING
from budgets.measure import (
    Case,
    Make,
    below,
    booleans,
    complex_normal,
    even_layouts,
    normal,
    single,
)

MATRIX, CUBE, VECTOR = (240, 40), (24, 10, 20), (4800,)
"""Several times 8 long along some axes, shorter along others."""

INTEGER = {
    "bitwise_invert", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
}  # fmt: skip
BOOLEAN = {"logical_not", "logical_and", "logical_or", "logical_xor"}


def of(name: str) -> Callable[..., Any]:
    """Return the function that a budget names."""
    found: Any = xp
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _values_of(name: str) -> Make:
    if name in INTEGER:
        return below(8)
    if name in BOOLEAN:
        return booleans
    return complex_normal if name == "imag" else normal


def unary(name: str) -> list[Case]:
    function = of(name)
    return [Case(function, (CUBE if len(name) % 2 else MATRIX,), (_values_of(name),))]


PAIRS = [(MATRIX, MATRIX), (CUBE, (10, 20)), ((240, 1), (1, 40)), (MATRIX, (1, 40)), (VECTOR, ())]


def binary(name: str) -> list[Case]:
    function = of(name)
    pairs = PAIRS if name in {"add", "equal"} else PAIRS[:2]
    return [Case(function, shapes, (_values_of(name),)) for shapes in pairs]


UNARY = set(LOCAL[: LOCAL.index("empty")])
LIKE: dict[str, list[Case]] = {name: unary(name) for name in sorted(UNARY)}
MEET: dict[str, list[Case]] = {name: binary(name) for name in MEETING if name not in {"clip", "where"}}
MEET["where"] = [
    Case(xp.where, (MATRIX, MATRIX, MATRIX), (booleans, normal), layouts=even_layouts),
    Case(xp.where, ((240, 1), (40,), ()), (booleans, normal), layouts=even_layouts),
]
MEET["clip"] = [
    Case(xp.clip, (MATRIX, (40,), (240, 1)), layouts=even_layouts),
    Case(xp.clip, (MATRIX, MATRIX)),
]


def whole_and_axes(
    function: Callable[..., Any], makes: tuple[Make, ...] = (normal,), **keywords: Any
) -> list[Case]:
    """Reduce everything, one axis, several axes, and keep the axes."""
    return [
        Case(lambda x: function(x, **keywords), (VECTOR,), makes, axes=(0,)),
        Case(lambda x: function(x, axis=0, **keywords), (MATRIX,), makes, axes=(0,)),
        Case(lambda x: function(x, axis=1, keepdims=True, **keywords), (MATRIX,), makes, axes=(1,)),
        Case(lambda x: function(x, axis=(0, 2), **keywords), (CUBE,), makes, axes=(0, 2)),
        Case(lambda x: function(x, **keywords), (CUBE,), makes, axes=(0, 1, 2)),
    ]


def one_axis(function: Callable[..., Any], **keywords: Any) -> list[Case]:
    return [
        Case(lambda x: function(x, axis=0, **keywords), (VECTOR,), axes=(0,)),
        *(
            Case(lambda x, axis=axis: function(x, axis=axis, **keywords), (shape,), axes=(axis,))
            for shape in (MATRIX, CUBE)
            for axis in range(len(shape))
        ),
    ]


REDUCTIONS: dict[str, list[Case]] = {
    **{name: whole_and_axes(of(name)) for name in ("sum", "prod", "max", "min", "std", "var")},
    **{name: whole_and_axes(of(name), (booleans,)) for name in ("all", "any", "count_nonzero")},
    "mean": [*whole_and_axes(xp.mean), *whole_and_axes(xp.mean, (single,))],
    **{name: [*one_axis(of(name)), Case(of(name), (CUBE,), axes=(0, 1, 2))] for name in ("argmin", "argmax")},
    "linalg.vector_norm": [
        *whole_and_axes(xp.linalg.vector_norm),
        *whole_and_axes(xp.linalg.vector_norm, (complex_normal,), ord=1),
        *whole_and_axes(xp.linalg.vector_norm, (single,), ord=float("inf")),
    ],
    "linalg.trace": [
        Case(xp.linalg.trace, ((60, 60),), axes=(0, 1)),
        Case(lambda x: xp.linalg.trace(x, offset=-3), ((24, 30, 20),), (below(9),), axes=(1, 2)),
    ],
    "cumulative_sum": [
        *one_axis(xp.cumulative_sum),
        *one_axis(xp.cumulative_sum, include_initial=True),
        Case(lambda x: xp.cumulative_sum(x, axis=0), ((8, 2000),), axes=(0,)),
    ],
    "cumulative_prod": one_axis(xp.cumulative_prod),
}


def _flat(function: Callable[..., Any], **keywords: Any) -> Case:
    return Case(lambda x: function(x, **keywords), (MATRIX,), axes=(0, 1), times=0)


REARRANGED: dict[str, list[Case]] = {
    "diff": [
        *one_axis(xp.diff),
        Case(lambda x: xp.diff(x, axis=0, n=3), (MATRIX,), axes=(0,), times=3),
        Case(
            lambda x, first, last: xp.diff(x, axis=0, prepend=first, append=last),
            (MATRIX, (8, 40), (9, 40)), axes=(0,), layouts=even_layouts,
        ),
    ],
    "flip": [*one_axis(xp.flip), Case(xp.flip, (CUBE,), axes=(0, 1, 2))],
    **{
        f"fft.{name}": [
            Case(of(f"fft.{name}"), (CUBE,), axes=(0, 1, 2)),
            Case(lambda x, name=name: of(f"fft.{name}")(x, axes=0), (MATRIX,), axes=(0,)),
        ]
        for name in ("fftshift", "ifftshift")
    },
    "roll": [
        Case(lambda x: xp.roll(x, 1000, axis=0), (VECTOR,), axes=(0,)),
        Case(lambda x: xp.roll(x, (7, -50), axis=(1, 0)), (MATRIX,), axes=(0, 1)),
        Case(lambda x: xp.roll(x, 7, axis=1), (CUBE,), axes=(1,)),
        _flat(xp.roll, shift=77),
    ],
    "tile": [
        Case(lambda x: xp.tile(x, (3,)), (VECTOR,), axes=(0,), times=3),
        Case(lambda x: xp.tile(x, (2, 1)), (MATRIX,), axes=(0,), times=2),
        Case(lambda x: xp.tile(x, (2, 1, 3)), (MATRIX,), axes=(1,), times=3),
    ],
    "repeat": [
        Case(lambda x: xp.repeat(x, 3, axis=0), (MATRIX,), axes=(0,)),
        Case(lambda x: xp.repeat(x, 2), (MATRIX,), axes=(0,), times=0),
        Case(lambda x, n: xp.repeat(x, n, axis=0), (MATRIX, (240,)), (normal, below(3)), axes=(0,)),
        Case(lambda x, n: xp.repeat(x, n, axis=1), (MATRIX, (40,)), (normal, below(3)), axes=(1,)),
    ],
    "reshape": [
        Case(lambda x, shape=shape: xp.reshape(x, shape), (source,))
        for source, shape in [
            (MATRIX, (9600,)), (MATRIX, (40, 240)), (MATRIX, (240, 8, 5)), (CUBE, (20, 240)),
            (VECTOR, (60, 80)), (CUBE, (4800,)), ((1, 1), ()),
        ]
    ],
    "concat": [
        Case(lambda *x: xp.concat(x), (MATRIX, (120, 40))),
        Case(lambda *x: xp.concat(x), ((240,), (77,), (3,)), layouts=even_layouts),
        Case(lambda *x: xp.concat(x, axis=1), (MATRIX, MATRIX), axes=(1,)),
    ],
    "stack": [
        Case(lambda *x: xp.stack(x), (MATRIX, MATRIX), axes=()),
        Case(lambda *x: xp.stack(x, axis=-1), (VECTOR, VECTOR, VECTOR), layouts=even_layouts),
    ],
    "squeeze": [
        Case(lambda x: xp.squeeze(x, 1), ((240, 1, 40),), axes=(1,)),
        Case(lambda x: xp.squeeze(x, (0, 2)), ((1, 30000, 1),), axes=(0, 2)),
    ],
    "unstack": [
        Case(xp.unstack, ((4, 2400),), axes=(0,)),
        Case(lambda x: xp.unstack(x, axis=1), ((2400, 3),), axes=(1,)),
    ],
    "broadcast_to": [
        Case(lambda x: xp.broadcast_to(x, (240, 40)), ((1, 40),)),
        Case(lambda x: xp.broadcast_to(x, (5, 240, 40)), ((240, 1),)),
    ],
    "broadcast_arrays": [Case(xp.broadcast_arrays, ((240, 1), (40,)))],
    "repartition": [
        *(Case(lambda x, axis=axis: repartition(x, axis), (MATRIX,)) for axis in (0, 1, None)),
        Case(lambda x: repartition(x, 2), (CUBE,)),
    ],
}  # fmt: skip
REARRANGED["concat"] = [
    Case(case.call, case.shapes, case.makes, case.axes or (0,), layouts=case.layouts)
    for case in REARRANGED["concat"]
]


LOCALLY: dict[str, list[Case]] = {
    "arange": [Case(lambda x: xp.arange(9000, device=x.device), ((),))],
    "asarray": [
        Case(lambda x: xp.asarray([[1.0, 2.0]] * 500, device=x.device), ((),)),
        Case(lambda x: xp.asarray(x, dtype=xp.float32, copy=True), (MATRIX,)),
    ],
    **{
        name: [Case(lambda x, name=name: of(name)((90, 50), device=x.device), ((),))]
        for name in ("empty", "ones", "zeros")
    },
    **{name: [Case(of(name), (MATRIX,))] for name in ("empty_like", "ones_like", "zeros_like")},
    "full": [Case(lambda x: xp.full((90, 50), 3.0, device=x.device), ((),))],
    "full_like": [Case(lambda x: xp.full_like(x, 3), (MATRIX,))],
    "eye": [Case(lambda x: xp.eye(200, device=x.device), ((),))],
    "linspace": [Case(lambda x: xp.linspace(0, 1, 9000, device=x.device), ((),))],
    "from_dlpack": [Case(lambda x: xp.from_dlpack(torch.ones(9000), device=x.device), ((),))],
    "meshgrid": [Case(xp.meshgrid, ((240,), (40,)))],
    **{name: [Case(of(name), (shape,)) for shape in (MATRIX, CUBE)] for name in ("tril", "triu")},
    "astype": [Case(lambda x: xp.astype(x, xp.float32), (MATRIX,))],
    "can_cast": [Case(lambda x: xp.can_cast(x, xp.float64), (MATRIX,))],
    "finfo": [Case(xp.finfo, (MATRIX,))],
    "iinfo": [Case(lambda x: xp.iinfo(xp.int8), (MATRIX,))],
    "isdtype": [Case(lambda x: xp.isdtype(x.dtype, "integral"), (MATRIX,))],
    "result_type": [Case(lambda x: xp.result_type(x, xp.float32), (MATRIX,))],
    "broadcast_shapes": [Case(lambda x: xp.broadcast_shapes(x.shape, (1, 40)), (MATRIX,))],
    "expand_dims": [Case(lambda x: xp.expand_dims(x, 1), (MATRIX,))],
    "moveaxis": [Case(lambda x: xp.moveaxis(x, 0, 2), (CUBE,))],
    "permute_dims": [Case(lambda x: xp.permute_dims(x, (2, 0, 1)), (CUBE,))],
    "matrix_transpose": [Case(xp.matrix_transpose, (CUBE,))],
    "linalg.diagonal": [
        Case(xp.linalg.diagonal, (MATRIX,)), Case(lambda x: xp.linalg.diagonal(x, offset=5), (CUBE,)),
    ],
    "fft.fftfreq": [Case(lambda x: xp.fft.fftfreq(9000, device=x.device), ((),))],
    "fft.rfftfreq": [Case(lambda x: xp.fft.rfftfreq(9000, device=x.device), ((),))],
    "to_local": [Case(to_local, (MATRIX,))],
    "__array_namespace_info__": [Case(lambda x: xp.__array_namespace_info__().dtypes(), ((),))],
    "from_local": [Case(lambda x: from_local(to_local(x), axis=0, device=x.device), (VECTOR,))],
    "from_callback": [
        Case(
            lambda x: from_callback((240, 40), lambda index: torch.ones([each.stop - each.start for each in index]), partition=0, device=x.device),
            ((),),
        ),
    ],
}  # fmt: skip

CASES: dict[str, list[Case]] = {**LIKE, **MEET, **REDUCTIONS, **REARRANGED, **LOCALLY}
