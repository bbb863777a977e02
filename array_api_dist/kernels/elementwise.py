"""The standard's elementwise functions on torch tensors: one table.

A kernel takes operands that all have one data type, already promoted, of any shapes that broadcast and any strides.
Where torch is right the table names the bare torch function. Neither operands nor results carry lazy conjugation or negation.

These give views that share their operand's storage: POSITIVE, REAL, IMAG, CONJ of real numbers, ABS of unsigned
integers, and CEIL, FLOOR, ROUND and TRUNC of integers. All others give new storage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from array_api_dist.kernels import choosing, host_loops, predicates, unsigned
from array_api_dist.kernels import special_values as special
from array_api_dist.kernels.host_loops import with_one_exponent
from array_api_dist.kernels.moving import movable

Function: TypeAlias = Callable[..., Tensor]
Rows: TypeAlias = Mapping[torch.dtype, Function]

_SIGNED: Final = (torch.int8, torch.int16, torch.int32, torch.int64)
_UNSIGNED: Final = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)
_LACKING: Final = (torch.uint16, torch.uint32, torch.uint64)
_INTEGER: Final = _SIGNED + _UNSIGNED
_REAL: Final = (torch.float32, torch.float64)
_COMPLEX: Final = (torch.complex64, torch.complex128)
_FLOATING: Final = _REAL + _COMPLEX
# Those that torch compares on every device, and those that it only tells apart.
_COMPARED: Final = (torch.bool, torch.uint8, *_SIGNED, *_REAL)
_TOLD_APART: Final = (*_COMPARED, *_LACKING)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """One elementwise function for all data types.

    Attributes
    ----------
    name : str
        The standard's.
    default : callable
        For every data type that ``special`` does not name.
    special : mapping of torch.dtype to callable
    """

    name: str
    default: Function
    special: Rows = field(default_factory=dict)

    def for_dtype(self, dtype: torch.dtype) -> Function:
        """Return the function for operands that all have ``dtype``."""
        return self.special.get(dtype, self.default)


def _rows(dtypes: tuple[torch.dtype, ...], function: Function) -> dict[torch.dtype, Function]:
    return dict.fromkeys(dtypes, function)


def _unsigned(narrow: Function, wide: Function) -> dict[torch.dtype, Function]:
    """Return the rows of the unsigned types that torch can't compute with: 16 and 32 bits, and 64 bits."""
    return dict(zip(_LACKING, (narrow, narrow, wide), strict=True))


def _same_bits(function: Function) -> dict[torch.dtype, Function]:
    return _rows(_LACKING, unsigned.as_signed(function))


def _on_host(here: Function, narrow: Function, wide: Function) -> dict[torch.dtype, Function]:
    """Return the rows of those types: NumPy's loop on the host, elsewhere what torch can compute with."""
    return _unsigned(host_loops.on_host(here, narrow), host_loops.on_host(here, wide))


def _by_numpy(ufunc: Callable[..., Any], dtype: torch.dtype | None = None) -> Function:
    return partial(host_loops.computed, ufunc, dtype=dtype)


def _comparing(ufunc: np.ufunc, function: Function) -> dict[torch.dtype, Function]:
    here = _by_numpy(ufunc, torch.bool)
    return _on_host(here, unsigned.compared_wide(function), unsigned.in_order(function))


def _choosing(ufunc: np.ufunc, function: Function) -> dict[torch.dtype, Function]:
    return _on_host(_by_numpy(ufunc), unsigned.widened(function), unsigned.chosen_in_order(function))


def _everywhere(answer: bool) -> Function:
    """Return the predicate that gives every element the same ``answer``."""

    def apply(x: Tensor) -> Tensor:
        return torch.full(x.shape, answer, dtype=torch.bool, device=x.device)

    return apply


def _integral(function: Function, name: str) -> Kernel:
    """Return the kernel of a rounding ``function``, which leaves integers as they are."""
    return Kernel(name, function, _rows(_INTEGER, _SAME))


def _real(function: Function, ufunc: np.ufunc) -> dict[torch.dtype, Function]:
    """Return the rows of real numbers, by the widest vectors where there are such."""
    return _rows(_REAL, host_loops.by_vectors(function, ufunc))


def _moduli() -> dict[torch.dtype, Function]:
    return {dtype: host_loops.faster(torch.abs, np.abs, dtype.to_real()) for dtype in _COMPLEX}


# A new tensor on the same storage, so that its owners can be counted.
_SAME: Final = torch.detach

_AND: Final = predicates.of_truth_values(torch.bitwise_and)
_OR: Final = predicates.of_truth_values(torch.bitwise_or)
_XOR: Final = predicates.of_truth_values(torch.bitwise_xor)

ABS: Final = Kernel("abs", torch.abs, {**_rows(_UNSIGNED, _SAME), **_moduli()})
ACOS: Final = Kernel(
    "acos", torch.acos, {**_real(torch.acos, np.arccos), **_rows(_COMPLEX, special.acos_complex)}
)
ACOSH: Final = Kernel(
    "acosh", torch.acosh, {**_real(torch.acosh, np.arccosh), **_rows(_COMPLEX, special.acosh_complex)}
)
ADD: Final = Kernel("add", torch.add, {**_same_bits(torch.add), **_rows(_COMPLEX, special.add_complex)})
ASIN: Final = Kernel("asin", torch.asin, _real(torch.asin, np.arcsin))
ASINH: Final = Kernel("asinh", torch.asinh, _real(torch.asinh, np.arcsinh))
ATAN: Final = Kernel("atan", torch.atan, _real(torch.atan, np.arctan))
ATAN2: Final = Kernel("atan2", torch.atan2, _real(torch.atan2, np.arctan2))
ATANH: Final = Kernel("atanh", torch.atanh, _real(torch.atanh, np.arctanh))
BITWISE_AND: Final = Kernel(
    "bitwise_and", torch.bitwise_and, {torch.bool: _AND, **_same_bits(torch.bitwise_and)}
)
BITWISE_INVERT: Final = Kernel("bitwise_invert", torch.bitwise_not, _same_bits(torch.bitwise_not))
BITWISE_LEFT_SHIFT: Final = Kernel(
    "bitwise_left_shift", torch.bitwise_left_shift, _same_bits(torch.bitwise_left_shift)
)
BITWISE_OR: Final = Kernel("bitwise_or", torch.bitwise_or, {torch.bool: _OR, **_same_bits(torch.bitwise_or)})
BITWISE_RIGHT_SHIFT: Final = Kernel(
    "bitwise_right_shift",
    torch.bitwise_right_shift,
    _on_host(_by_numpy(np.right_shift), unsigned.widened(torch.bitwise_right_shift), unsigned.right_shift),
)
BITWISE_XOR: Final = Kernel(
    "bitwise_xor", torch.bitwise_xor, {torch.bool: _XOR, **_same_bits(torch.bitwise_xor)}
)
CEIL: Final = _integral(torch.ceil, "ceil")
CLIP: Final = Kernel(
    "clip",
    special.clip,
    _on_host(_by_numpy(np.clip), unsigned.widened(torch.clamp), unsigned.chosen_in_order(torch.clamp)),
)
CLIP_MAX: Final = Kernel("clip", torch.minimum, _choosing(np.minimum, torch.minimum))
CLIP_MIN: Final = Kernel("clip", torch.maximum, _choosing(np.maximum, torch.maximum))
CONJ: Final = Kernel("conj", _SAME, _rows(_COMPLEX, torch.conj_physical))
COPYSIGN: Final = Kernel("copysign", torch.copysign)
COS: Final = Kernel("cos", torch.cos)
COSH: Final = Kernel("cosh", torch.cosh, _real(special.cosh, np.cosh))
DIVIDE: Final = Kernel("divide", torch.divide)
EQUAL: Final = Kernel("equal", torch.eq, _rows(_TOLD_APART, predicates.equal))
EXP: Final = Kernel("exp", torch.exp, _real(torch.exp, np.exp))
EXPM1: Final = Kernel(
    "expm1", torch.expm1, {**_real(torch.expm1, np.expm1), **_rows(_COMPLEX, special.expm1_complex)}
)
FLOOR: Final = _integral(torch.floor, "floor")
FLOOR_DIVIDE: Final = Kernel(
    "floor_divide",
    special.floor_divide,
    {
        **_rows(_INTEGER, special.floor_divide_integers),
        **_on_host(
            _by_numpy(np.floor_divide), unsigned.widened(special.floor_divide_integers), unsigned.floor_divide
        ),
    },
)
GREATER: Final = Kernel(
    "greater", torch.gt, {**_comparing(np.greater, torch.gt), **_rows(_COMPARED, predicates.greater)}
)
GREATER_EQUAL: Final = Kernel(
    "greater_equal",
    torch.ge,
    {**_comparing(np.greater_equal, torch.ge), **_rows(_COMPARED, predicates.greater_equal)},
)
HYPOT: Final = Kernel("hypot", torch.hypot)
IMAG: Final = Kernel("imag", torch.imag)
ISFINITE: Final = Kernel(
    "isfinite",
    torch.isfinite,
    {**_rows(_INTEGER, _everywhere(True)), **_rows(_FLOATING, predicates.isfinite)},
)
ISINF: Final = Kernel(
    "isinf", torch.isinf, {**_rows(_INTEGER, _everywhere(False)), **_rows(_FLOATING, predicates.isinf)}
)
ISNAN: Final = Kernel(
    "isnan", torch.isnan, {**_rows(_INTEGER, _everywhere(False)), **_rows(_FLOATING, predicates.isnan)}
)
LESS: Final = Kernel("less", torch.lt, {**_comparing(np.less, torch.lt), **_rows(_COMPARED, predicates.less)})
LESS_EQUAL: Final = Kernel(
    "less_equal", torch.le, {**_comparing(np.less_equal, torch.le), **_rows(_COMPARED, predicates.less_equal)}
)
LOG: Final = Kernel("log", torch.log, _real(torch.log, np.log))
LOG10: Final = Kernel("log10", torch.log10, _real(torch.log10, np.log10))
LOG1P: Final = Kernel(
    "log1p", torch.log1p, {**_real(torch.log1p, np.log1p), **_rows(_COMPLEX, special.log1p_complex)}
)
LOG2: Final = Kernel("log2", torch.log2, _real(torch.log2, np.log2))
LOGADDEXP: Final = Kernel("logaddexp", torch.logaddexp)
LOGICAL_AND: Final = Kernel("logical_and", _AND)
LOGICAL_NOT: Final = Kernel("logical_not", torch.logical_not)
LOGICAL_OR: Final = Kernel("logical_or", _OR)
LOGICAL_XOR: Final = Kernel("logical_xor", _XOR)
MAXIMUM: Final = Kernel("maximum", torch.maximum, _choosing(np.maximum, torch.maximum))
MINIMUM: Final = Kernel("minimum", torch.minimum, _choosing(np.minimum, torch.minimum))
MULTIPLY: Final = Kernel("multiply", torch.mul, _same_bits(torch.mul))
NEGATIVE: Final = Kernel(
    "negative", torch.neg, {**_same_bits(torch.neg), **_rows(_COMPLEX, special.by_component(torch.neg))}
)
NEXTAFTER: Final = Kernel("nextafter", torch.nextafter)
NOT_EQUAL: Final = Kernel("not_equal", torch.ne, _rows(_TOLD_APART, predicates.not_equal))
POSITIVE: Final = Kernel("positive", _SAME)
POW: Final = Kernel(
    "pow",
    special.power,
    {
        **_rows(_INTEGER, with_one_exponent(special.power_integers)),
        **_unsigned(
            with_one_exponent(unsigned.widened(special.power_integers)), with_one_exponent(unsigned.power)
        ),
        **_rows(_COMPLEX, special.power_complex),
    },
)
REAL: Final = Kernel("real", _SAME, _rows(_COMPLEX, torch.real))
RECIPROCAL: Final = Kernel("reciprocal", torch.reciprocal, _rows(_COMPLEX, special.reciprocal_complex))
REMAINDER: Final = Kernel(
    "remainder",
    special.remainder,
    {
        **_rows(_INTEGER, special.remainder_integers),
        **_on_host(host_loops.remainder, unsigned.widened(special.remainder_integers), unsigned.remainder),
    },
)
ROUND: Final = Kernel(
    "round",
    torch.round,
    {**_rows(_INTEGER, _SAME), **_rows(_COMPLEX, special.by_component(torch.round))},
)
SIGN: Final = Kernel(
    "sign",
    torch.sign,
    {
        **_rows(_LACKING, host_loops.on_host(_by_numpy(np.sign), unsigned.sign)),
        **_rows(_REAL, special.sign),
        **_rows(_COMPLEX, special.sign_complex),
    },
)
SIGNBIT: Final = Kernel("signbit", torch.signbit, _rows(_REAL, predicates.signbit))
SIN: Final = Kernel("sin", torch.sin)
SINH: Final = Kernel("sinh", torch.sinh, _real(special.sinh, np.sinh))
SQRT: Final = Kernel("sqrt", torch.sqrt, _rows(_REAL, special.sqrt))
SQUARE: Final = Kernel(
    "square",
    torch.square,
    {
        **_rows(_INTEGER, unsigned.as_signed(special.square_integers)),
        **_rows(_COMPLEX, special.square_complex),
    },
)
SUBTRACT: Final = Kernel(
    "subtract", torch.sub, {**_same_bits(torch.sub), **_rows(_COMPLEX, special.subtract_complex)}
)
TAN: Final = Kernel("tan", torch.tan, {**_real(torch.tan, np.tan), **_rows(_COMPLEX, special.tan_complex)})
TANH: Final = Kernel(
    "tanh", torch.tanh, {**_real(torch.tanh, np.tanh), **_rows(_COMPLEX, special.tanh_complex)}
)
TRUNC: Final = _integral(host_loops.faster(torch.trunc, np.trunc), "trunc")
WHERE: Final = Kernel("where", choosing.where, _same_bits(choosing.where))


def subtract_into(result: Tensor, x1: Tensor, x2: Tensor) -> Tensor:
    """Write the differences of numbers of one type to ``result``, and return it."""
    if result.is_complex():
        # As pairs of reals: see ``by_component``.
        torch.sub(torch.view_as_real(x1), torch.view_as_real(x2), out=torch.view_as_real(result))
    else:
        torch.sub(movable(x1), movable(x2), out=movable(result))
    return result


IN_PLACE: Final[Mapping[Function, Callable[[Tensor, Tensor], Tensor]]] = {
    torch.add: Tensor.add_,
    torch.sub: Tensor.sub_,
    torch.mul: Tensor.mul_,
    torch.divide: Tensor.div_,
    torch.bitwise_and: Tensor.bitwise_and_,
    _AND: predicates.of_truth_values(Tensor.bitwise_and_),
    torch.bitwise_or: Tensor.bitwise_or_,
    _OR: predicates.of_truth_values(Tensor.bitwise_or_),
    torch.bitwise_xor: Tensor.bitwise_xor_,
    _XOR: predicates.of_truth_values(Tensor.bitwise_xor_),
}
"""What writes the values of a function to its first operand, where one pass does."""
