"""Elementwise operations: no communication when the operands are aligned or replicated.

One driver for all of them; a function is a row that says what it accepts, what it gives and which kernel it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final
from typing import cast as cast_type

import torch

from array_api_dist import _dtypes as dt
from array_api_dist._alignment import Layout, align
from array_api_dist._block import Block
from array_api_dist._dtypes import DType
from array_api_dist._partition import Partition, Shape
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.kernels import elementwise as kernels
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import STANDARD, TORCH


class Result(Enum):
    """What data type an operation gives."""

    SAME = auto()  # the promoted type of the operands
    BOOLEAN = auto()
    REAL = auto()  # the type of the real part
    FIRST = auto()  # the first operand's, whatever the others promote it to


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise:
    """A row of the table of elementwise operations.

    Attributes
    ----------
    name : str
        The standard's.
    kernel : Kernel
    accepts : set of DType
        What the (promoted) operands may be.
    result : Result
    conditions : int
        How many leading operands are boolean conditions that take no part in promotion.
    widens : bool
        Under ``mixed_kinds``, integers become the default floating type.
    """

    name: str
    kernel: kernels.Kernel
    accepts: frozenset[DType]
    result: Result = Result.SAME
    conditions: int = 0
    widens: bool = False


ABS: Final = Elementwise("abs", kernels.ABS, dt.NUMERIC, Result.REAL)
ACOS: Final = Elementwise("acos", kernels.ACOS, dt.FLOATING)
ACOSH: Final = Elementwise("acosh", kernels.ACOSH, dt.FLOATING)
ADD: Final = Elementwise("add", kernels.ADD, dt.NUMERIC)
ASIN: Final = Elementwise("asin", kernels.ASIN, dt.FLOATING)
ASINH: Final = Elementwise("asinh", kernels.ASINH, dt.FLOATING)
ATAN: Final = Elementwise("atan", kernels.ATAN, dt.FLOATING)
ATAN2: Final = Elementwise("atan2", kernels.ATAN2, dt.REAL_FLOATING)
ATANH: Final = Elementwise("atanh", kernels.ATANH, dt.FLOATING)
BITWISE_AND: Final = Elementwise("bitwise_and", kernels.BITWISE_AND, dt.INTEGER_OR_BOOLEAN)
BITWISE_INVERT: Final = Elementwise("bitwise_invert", kernels.BITWISE_INVERT, dt.INTEGER_OR_BOOLEAN)
BITWISE_LEFT_SHIFT: Final = Elementwise("bitwise_left_shift", kernels.BITWISE_LEFT_SHIFT, dt.INTEGER)
BITWISE_OR: Final = Elementwise("bitwise_or", kernels.BITWISE_OR, dt.INTEGER_OR_BOOLEAN)
BITWISE_RIGHT_SHIFT: Final = Elementwise("bitwise_right_shift", kernels.BITWISE_RIGHT_SHIFT, dt.INTEGER)
BITWISE_XOR: Final = Elementwise("bitwise_xor", kernels.BITWISE_XOR, dt.INTEGER_OR_BOOLEAN)
CEIL: Final = Elementwise("ceil", kernels.CEIL, dt.REAL)
CLIP: Final = Elementwise("clip", kernels.CLIP, dt.REAL, Result.FIRST)
CLIP_MAX: Final = Elementwise("clip", kernels.CLIP_MAX, dt.REAL, Result.FIRST)
CLIP_MIN: Final = Elementwise("clip", kernels.CLIP_MIN, dt.REAL, Result.FIRST)
CONJ: Final = Elementwise("conj", kernels.CONJ, dt.NUMERIC)
COPYSIGN: Final = Elementwise("copysign", kernels.COPYSIGN, dt.REAL_FLOATING)
COS: Final = Elementwise("cos", kernels.COS, dt.FLOATING)
COSH: Final = Elementwise("cosh", kernels.COSH, dt.FLOATING)
DIVIDE: Final = Elementwise("divide", kernels.DIVIDE, dt.FLOATING, widens=True)
EQUAL: Final = Elementwise("equal", kernels.EQUAL, dt.ALL, Result.BOOLEAN)
EXP: Final = Elementwise("exp", kernels.EXP, dt.FLOATING)
EXPM1: Final = Elementwise("expm1", kernels.EXPM1, dt.FLOATING)
FLOOR: Final = Elementwise("floor", kernels.FLOOR, dt.REAL)
FLOOR_DIVIDE: Final = Elementwise("floor_divide", kernels.FLOOR_DIVIDE, dt.REAL)
GREATER: Final = Elementwise("greater", kernels.GREATER, dt.REAL, Result.BOOLEAN)
GREATER_EQUAL: Final = Elementwise("greater_equal", kernels.GREATER_EQUAL, dt.REAL, Result.BOOLEAN)
HYPOT: Final = Elementwise("hypot", kernels.HYPOT, dt.REAL_FLOATING)
IMAG: Final = Elementwise("imag", kernels.IMAG, dt.COMPLEX_FLOATING, Result.REAL)
ISFINITE: Final = Elementwise("isfinite", kernels.ISFINITE, dt.NUMERIC, Result.BOOLEAN)
ISINF: Final = Elementwise("isinf", kernels.ISINF, dt.NUMERIC, Result.BOOLEAN)
ISNAN: Final = Elementwise("isnan", kernels.ISNAN, dt.NUMERIC, Result.BOOLEAN)
LESS: Final = Elementwise("less", kernels.LESS, dt.REAL, Result.BOOLEAN)
LESS_EQUAL: Final = Elementwise("less_equal", kernels.LESS_EQUAL, dt.REAL, Result.BOOLEAN)
LOG: Final = Elementwise("log", kernels.LOG, dt.FLOATING)
LOG10: Final = Elementwise("log10", kernels.LOG10, dt.FLOATING)
LOG1P: Final = Elementwise("log1p", kernels.LOG1P, dt.FLOATING)
LOG2: Final = Elementwise("log2", kernels.LOG2, dt.FLOATING)
LOGADDEXP: Final = Elementwise("logaddexp", kernels.LOGADDEXP, dt.REAL_FLOATING)
LOGICAL_AND: Final = Elementwise("logical_and", kernels.LOGICAL_AND, dt.BOOLEAN)
LOGICAL_NOT: Final = Elementwise("logical_not", kernels.LOGICAL_NOT, dt.BOOLEAN)
LOGICAL_OR: Final = Elementwise("logical_or", kernels.LOGICAL_OR, dt.BOOLEAN)
LOGICAL_XOR: Final = Elementwise("logical_xor", kernels.LOGICAL_XOR, dt.BOOLEAN)
MAXIMUM: Final = Elementwise("maximum", kernels.MAXIMUM, dt.REAL)
MINIMUM: Final = Elementwise("minimum", kernels.MINIMUM, dt.REAL)
MULTIPLY: Final = Elementwise("multiply", kernels.MULTIPLY, dt.NUMERIC)
NEGATIVE: Final = Elementwise("negative", kernels.NEGATIVE, dt.NUMERIC)
NEXTAFTER: Final = Elementwise("nextafter", kernels.NEXTAFTER, dt.REAL_FLOATING)
NOT_EQUAL: Final = Elementwise("not_equal", kernels.NOT_EQUAL, dt.ALL, Result.BOOLEAN)
POSITIVE: Final = Elementwise("positive", kernels.POSITIVE, dt.NUMERIC)
POW: Final = Elementwise("pow", kernels.POW, dt.NUMERIC)
REAL: Final = Elementwise("real", kernels.REAL, dt.NUMERIC, Result.REAL)
RECIPROCAL: Final = Elementwise("reciprocal", kernels.RECIPROCAL, dt.FLOATING)
REMAINDER: Final = Elementwise("remainder", kernels.REMAINDER, dt.REAL)
ROUND: Final = Elementwise("round", kernels.ROUND, dt.NUMERIC)
SIGN: Final = Elementwise("sign", kernels.SIGN, dt.NUMERIC)
SIGNBIT: Final = Elementwise("signbit", kernels.SIGNBIT, dt.REAL_FLOATING, Result.BOOLEAN)
SIN: Final = Elementwise("sin", kernels.SIN, dt.FLOATING)
SINH: Final = Elementwise("sinh", kernels.SINH, dt.FLOATING)
SQRT: Final = Elementwise("sqrt", kernels.SQRT, dt.FLOATING)
SQUARE: Final = Elementwise("square", kernels.SQUARE, dt.NUMERIC)
SUBTRACT: Final = Elementwise("subtract", kernels.SUBTRACT, dt.NUMERIC)
TAN: Final = Elementwise("tan", kernels.TAN, dt.FLOATING)
TANH: Final = Elementwise("tanh", kernels.TANH, dt.FLOATING)
TRUNC: Final = Elementwise("trunc", kernels.TRUNC, dt.REAL)
WHERE: Final = Elementwise("where", kernels.WHERE, dt.ALL, conditions=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Everything an operation decides before it touches a value."""

    kernel: Callable[..., torch.Tensor]
    shape: Shape
    partition: Partition
    casts: tuple[torch.dtype | None, ...]
    targets: tuple[Partition | None, ...]
    result_cast: torch.dtype | None
    is_direct: bool


def _operand_type(rule: Elementwise, dtypes: tuple[DType, ...], *, mixed: bool) -> DType:
    """Return the type in which the operands meet.

    Raises
    ------
    TypeError
        If ``rule`` does not accept them.
    """
    if any(dtype is not dt.bool for dtype in dtypes[: rule.conditions]):
        raise TypeError(f"{rule.name} takes a boolean condition, got data type {dtypes[0]}")
    met = dt.promote_all(dtypes[rule.conditions :], mixed=mixed)
    if met in rule.accepts:
        return met
    if mixed and rule.widens and met in dt.INTEGER:
        return dt.DEFAULT_FLOAT
    raise TypeError(
        f"{rule.name} takes arrays of a {dt.category_name(rule.accepts)} data type, "
        f"got {' and '.join(map(str, dtypes[rule.conditions :]))}"
    )


@lru_cache(maxsize=16384)
def _planned(
    rule: Elementwise,
    mixed: bool,
    *facts: torch.dtype | Shape | Partition,
) -> _Plan:
    """Return the plan for operands of these data types, shapes and partitions, one after another."""
    dtypes = cast_type("tuple[torch.dtype, ...]", facts[::3])
    shapes, partitions = (
        cast_type("tuple[Shape, ...]", facts[1::3]),
        cast_type("tuple[Partition, ...]", facts[2::3]),
    )
    layouts = tuple(map(Layout, shapes, partitions))
    standard = tuple(STANDARD[dtype] for dtype in dtypes)
    met = TORCH[_operand_type(rule, standard, mixed=mixed)]
    wanted = (torch.bool,) * rule.conditions + (met,) * (len(dtypes) - rule.conditions)
    casts = tuple(want if have != want else None for have, want in zip(dtypes, wanted, strict=True))
    alignment = align(*layouts)
    targets = tuple(
        target if layout.partition != target else None
        for layout, target in zip(layouts, alignment.targets, strict=True)
    )
    result_cast = dtypes[0] if rule.result is Result.FIRST and dtypes[0] != met else None
    return _Plan(
        kernel=rule.kernel.for_dtype(met),
        shape=alignment.result.shape,
        partition=alignment.result.partition,
        casts=casts,
        targets=targets,
        result_cast=result_cast,
        is_direct=not any((*casts, *targets, result_cast)),
    )


def apply(rule: Elementwise, *operands: Block, mixed: bool = False) -> Block:
    """Return ``rule`` applied to every element of the broadcast operands (all on one device).

    Communication: none when the partitions agree or an operand is replicated; else each smaller operand moves once
    to the largest one's partition.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication: the data types don't promote or the shapes don't broadcast.
    """
    if len(operands) == 2:
        left, right = operands
        if _are_alike(left, right):
            kernel = _same_type_kernel(rule, left.local.dtype, 2, mixed=mixed)
            return Block(kernel(left.local, right.local), left.shape, left.partition, left.device)
    plan = _plan_of(rule, operands, mixed=mixed)
    if plan.is_direct:
        local = plan.kernel(*[operand.local for operand in operands])
        return Block(local, plan.shape, plan.partition, operands[0].device)
    return _apply_indirect(plan, operands)


def update(rule: Elementwise, target: Block, operand: Block, *, mixed: bool = False) -> bool:
    """Write ``rule`` of ``target`` and ``operand`` to the memory of ``target``, its own, and return whether it is done.

    It is not, and nothing is, where ``target`` would have to move or to be cast, or more than one pass is needed.

    Communication: ``operand`` moves to the partition of ``target`` where they differ.

    Raises
    ------
    TypeError, ValueError
        On every rank: as ``apply``.
    """
    if _are_alike(target, operand):
        write = kernels.IN_PLACE.get(_same_type_kernel(rule, target.local.dtype, 2, mixed=mixed))
        move = cast_to = None
    else:
        plan = _plan_of(rule, (target, operand), mixed=mixed)
        (stays, move), (same, cast_to) = plan.targets, plan.casts
        if (stays, same, plan.result_cast, plan.shape) != (None, None, None, target.shape):
            return False
        write = kernels.IN_PLACE.get(plan.kernel)
    if write is None:
        return False
    write(target.local, _placed(operand, move, cast_to))
    return True


def _plan_of(rule: Elementwise, operands: tuple[Block, ...], *, mixed: bool) -> _Plan:
    facts: list[torch.dtype | Shape | Partition] = []
    for operand in operands:
        facts += (operand.local.dtype, operand.shape, operand.partition)
    return _planned(rule, mixed, *facts)


def _are_alike(left: Block, right: Block) -> bool:
    """Return whether two operands meet as they are: the common case, decided without a look-up of the plan."""
    if left.local.dtype is not right.local.dtype:
        return False
    if right.shape == () and right.partition.axis is None:
        return True
    return left.shape == right.shape and left.partition is right.partition


def _apply_indirect(plan: _Plan, operands: tuple[Block, ...]) -> Block:
    result = plan.kernel(*map(_placed, operands, plan.targets, plan.casts))
    local_shape = plan.partition.local_shape(plan.shape, operands[0].device.rank)
    if result.shape != local_shape:
        # When every operand is stretched along the result's partitioned axis, so is the part.
        result = result.expand(local_shape)
    if plan.result_cast is not None:
        result = cast(result, plan.result_cast)
    return Block(result, plan.shape, plan.partition, operands[0].device)


def _placed(operand: Block, target: Partition | None, wanted: torch.dtype | None) -> torch.Tensor:
    """Return the part of ``operand`` under the partition ``target``, in the type ``wanted``, where those are given."""
    placed = operand if target is None else redistribute(operand, target)
    return placed.local if wanted is None else cast(placed.local, wanted)


def apply_unary(rule: Elementwise, operand: Block, *, mixed: bool = False) -> Block:
    """Return ``rule`` applied to every element. Communication: none.

    Raises
    ------
    TypeError
        If ``rule`` does not accept the data type.
    """
    local = operand.local
    kernel = _same_type_kernel(rule, local.dtype, 1, mixed=mixed)
    return Block(kernel(local), operand.shape, operand.partition, operand.device)


@lru_cache(maxsize=2048)
def _same_type_kernel(
    rule: Elementwise, dtype: torch.dtype, operands: int, *, mixed: bool
) -> Callable[..., torch.Tensor]:
    """Return what runs on so many operands that all have ``dtype``."""
    met = TORCH[_operand_type(rule, (STANDARD[dtype],) * operands, mixed=mixed)]
    kernel = rule.kernel.for_dtype(met)
    if met == dtype:
        return kernel
    return lambda *tensors: kernel(*[cast(tensor, met) for tensor in tensors])
