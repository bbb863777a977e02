"""Array: the standard's array object over a partitioned block."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum, IntEnum
from types import EllipsisType, ModuleType
from typing import Any, Final, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import one_of, told
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType, Scalar
from array_api_dist._partition import Partition
from array_api_dist._scalars import scalar_block
from array_api_dist._show import html, text
from array_api_dist.engine import contraction, elementwise, indexing
from array_api_dist.engine.elementwise import Elementwise
from array_api_dist.engine.matrices import transposed
from array_api_dist.engine.redistribution import redistribute, replicate
from array_api_dist.kernels import interchange, storage
from array_api_dist.kernels.cast import cast as cast_tensor
from array_api_dist.kernels.dtypes import TORCH
from array_api_dist.promotion import are_mixed_kinds_allowed

HostIndex: TypeAlias = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_]
KeyPart: TypeAlias = "int | slice | EllipsisType | None | Array | HostIndex"
Key: TypeAlias = "KeyPart | tuple[KeyPart, ...]"

REPLICA_SIZE: Final = 1 << 12
"""Arrays of at most this many elements keep a copy on every rank once one of their elements was read."""

# What sys.getrefcount gives for an object that one attribute and one argument refer to.
_ONE_OWNER: Final = 2


class Array:  # noqa: PLW1641 - the standard's __eq__ is elementwise: an array has no hash
    """An array whose parts live on the ranks of its device. Made by the functions of the namespace only.

    Attributes beside the standard's: ``partition``, how the array is laid over the ranks.

    An operator communicates what its function does. In place, with an array: the other operand moves to the partition of
    this one where they differ; one allgather of the result where this one is replicated and the other is not.
    """

    __slots__ = ("__weakref__", "_block", "_replica")  # pyright: ignore[reportUninitializedInstanceVariable]  # Python sets __weakref__
    _block: Block  # pyright: ignore[reportUninitializedInstanceVariable]  # _from_block sets it
    _replica: Block | None  # pyright: ignore[reportUninitializedInstanceVariable]  # _from_block sets it

    # NumPy scalars on the left leave binary operators to this class.
    __array_ufunc__ = None

    def __init__(self) -> None:
        raise TypeError("an Array is made by the functions of the namespace, for instance asarray()")

    @classmethod
    def _from_block(cls, block: Block) -> Array:
        array = object.__new__(cls)
        array._block = block
        array._replica = None
        return array

    # ---- attributes

    @property
    def dtype(self) -> DType:
        """The data type of the elements."""
        return self._block.dtype

    @property
    def device(self) -> Device:
        """The processor kind and the ranks that hold the parts."""
        return self._block.device

    @property
    def partition(self) -> Partition:
        """How the array is laid over the ranks of its device."""
        return self._block.partition

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._block.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The global shape, in elements."""
        return self._block.shape

    @property
    def size(self) -> int:
        """The number of elements of the whole array."""
        return self._block.size

    @property
    def T(self) -> Array:
        """The transpose of a matrix: no communication, no copy."""
        if self.ndim != 2:
            raise ValueError(f"T is the transpose of 2 axes, got {self.ndim}: use mT or permute_dims()")
        return Array._from_block(transposed(self._block))

    @property
    def mT(self) -> Array:
        """The transpose of the last two axes: no communication, no copy."""
        if self.ndim < 2:
            raise ValueError(f"mT needs at least 2 axes, got {self.ndim}")
        return Array._from_block(transposed(self._block))

    # ---- looking: never communicates

    def __repr__(self) -> str:
        return text(self._block)

    def _repr_html_(self) -> str:
        return html(self._block)

    def __copy__(self) -> Array:
        return Array._from_block(self._block.with_local(self._block.local.detach()))

    def __deepcopy__(self, memo: object) -> Array:
        return Array._from_block(self._block.with_local(self._block.local.clone()))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        block = self._block
        return _restored, (block.local.clone(), block.shape, block.partition, block.device)

    def _item(self, target: str, allowed: frozenset[DType]) -> Scalar:
        """Return the value of a 0-d array, which every rank has."""
        block = self._block
        if block.shape != ():
            raise TypeError(
                f"only an array with 0 axes converts to a Python {target}, got shape {block.shape}"
            )
        if block.dtype not in allowed:
            raise TypeError(f"an array of data type {block.dtype} does not convert to a Python {target}")
        return cast("Scalar", block.local.item())

    def __bool__(self) -> bool:
        return bool(self._item("bool", dt.ALL))

    def __int__(self) -> int:
        return int(cast("float", self._item("int", dt.REAL | dt.BOOLEAN)))

    def __float__(self) -> float:
        return float(cast("float", self._item("float", dt.REAL | dt.BOOLEAN)))

    def __complex__(self) -> complex:
        return complex(self._item("complex", dt.ALL))

    def __index__(self) -> int:
        return int(cast("int", self._item("index", dt.INTEGER)))

    # ---- interchange

    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        """Return the namespace; ``api_version`` must be one it implements."""
        if api_version is not None:
            one_of(api_version, API_VERSIONS, "the API version")
        return sys.modules["array_api_dist"]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the whole array as NumPy's, on every rank, in memory of its own: writes to it do not show here.

        With ``copy=False`` it is a view of the memory of this array, and ValueError is raised where none can be had: of an
        array in parts, of another data type, from another processor's memory.

        Communication: none when it is replicated, else one allgather.
        """
        whole = self._whole(copy=copy, error=ValueError).resolve_conj().resolve_neg().cpu()
        # What was gathered, or came from another processor, is nobody else's already.
        is_alias = whole.data_ptr() == self._block.local.data_ptr()
        if copy is False and not is_alias:
            raise ValueError(
                "an array lazily conjugated, or in another processor's memory, can only be exported by a copy, "
                "got copy=False"
            )
        return np.array(whole.numpy(), dtype=dtype, copy=True if copy is None and is_alias else copy)

    def _whole(self, *, copy: bool | None, error: type[Exception]) -> torch.Tensor:
        block = self._block
        if copy is False and not block.partition.is_whole_everywhere:
            raise error("an array in parts can only be exported by a copy, got copy=False")
        return replicate(block).local

    def __dlpack__(
        self,
        /,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Enum, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a capsule of the whole array, on every rank.

        Communication: none when it is replicated, else one allgather (``copy=False`` then raises BufferError).
        """
        interchange.check_request(
            self._block.local, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )
        whole = self._whole(copy=copy, error=BufferError)
        try:
            return interchange.exported(
                whole,
                stream=stream,
                max_version=max_version,
                dl_device=cast("tuple[IntEnum, int] | None", dl_device),
                copy=copy,
                is_copy=not self._block.partition.is_whole_everywhere,
            )
        except (RuntimeError, ValueError) as error:
            raise BufferError(f"the array cannot be exported: {error}") from error

    def __dlpack_device__(self, /) -> tuple[Enum, int]:
        """Return the DLPack device of the local part."""
        kind, number = self._block.local.__dlpack_device__()
        return cast("tuple[Enum, int]", (kind, number))

    def to_device(self, device: Device, /, *, stream: int | None = None) -> Array:
        """Return the array on another device.

        Communication: none between processor kinds of the same ranks; one allgather to other ranks, where every
        rank then has the whole.
        """
        if not isinstance(device, Device):
            raise TypeError(f"device must be a Device, got {type(device).__name__}")
        if stream is not None:
            raise ValueError(f"stream must be None: this library orders its own streams, got {told(stream)}")
        block = self._block
        if device == block.device:
            return self
        if device.communicator.group != block.communicator.group:
            block = replicate(block)
        local = block.local.to(device.torch_device)
        return Array._from_block(Block(local, block.shape, block.partition, device))

    # ---- elements

    def __getitem__(self, key: Key, /) -> Array:
        """Return elements: a copy in meaning, a view in cost where slices allow it.

        Communication: none for slices of positive step, new axes, and integers along other axes (one exchange where
        the result is lopsided); along the partitioned axis one exchange for a negative step, and one broadcast for an
        integer (from 64 KiB on one exchange; reading an element of an array of up to 4096 allgathers it once); a
        mask: what ``nonzero`` takes, with the elements, and 4 bytes each, in place of positions (above 64 MiB of
        these an allreduce of 8 bytes, and more exchanges of less); integer arrays: what ``take`` takes.
        Memory: the result, and the elements where they were; a mask of an inner partitioned axis: 4 bytes for each
        element that it selects; integer arrays: what ``take`` holds.
        """
        block = self._block
        if block.partition.axis is not None and block.size <= REPLICA_SIZE and _is_element(key, block.ndim):
            if self._replica is None:
                self._replica = replicate(block)
            block = self._replica
        return Array._from_block(indexing.get(block, _engine_key(key)))

    def __setitem__(self, key: Key, value: Array | Scalar, /) -> None:
        """Write elements; what shares their memory keeps its own.

        Communication: none when the value is replicated or partitioned as what is written, else it moves there once;
        a mask moves to the partition of the array, and values other than a scalar follow an allgather of P counts
        (where the mask's first axis is not the partitioned one: counts for each run, and two exchanges); integer
        arrays or values that are partitioned travel to the owners, by an all-to-all of counts and at most three
        exchanges; above 64 MiB on their way these exchanges are cut into rounds, as many as an allreduce of 8 bytes
        says, so that no rank sends or gets more at once.
        Memory: the key and the value where they move to; a mask of an inner partitioned axis: 4 bytes for each
        element that is written; integer arrays: 7 bytes an index, and a byte (two beyond 127 ranks, 4 where the
        indices are partitioned along an inner axis) for each place that they can name.
        """
        # Both before the block is owned: where one is this block, the reference makes the write go to a copy.
        operand, parts = _operand_of(value, self), _engine_key(key)
        self._own()
        indexing.set(self._block, parts, operand, mixed=are_mixed_kinds_allowed())

    def _own(self) -> None:
        """Make the local tensor this array's alone: storage is shared until one side is written."""
        self._replica = None
        if not self._is_alone():
            self._block = self._block.with_local(storage.dense_copy(self._block.local))

    def _is_alone(self) -> bool:
        """Return whether nothing else sees the memory of the local tensor, which can be written element by element."""
        # By attributes alone: some versions of Python count names of a function, others borrow from them.
        is_named = (
            sys.getrefcount(self._block) > _ONE_OWNER or sys.getrefcount(self._block.local) > _ONE_OWNER
        )
        return not is_named and not storage.is_shared(self._block.local)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("an array with 0 axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        # Without it Python would ask for elements up to the first IndexError, and find none in an array of 0 axes.
        return (self[index] for index in range(len(self)))

    # ---- operators: each shares its rule with the function of the namespace

    def __abs__(self) -> Array:
        return apply_unary(elementwise.ABS, self)

    def __neg__(self) -> Array:
        return apply_unary(elementwise.NEGATIVE, self)

    def __pos__(self) -> Array:
        return apply_unary(elementwise.POSITIVE, self)

    def __invert__(self) -> Array:
        return apply_unary(elementwise.BITWISE_INVERT, self)

    def __add__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.ADD, self, other)

    def __radd__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.ADD, other, self)

    def __iadd__(self, other: Array | Scalar, /) -> Self:
        return self._update(elementwise.ADD, other)

    def __sub__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.SUBTRACT, self, other)

    def __rsub__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.SUBTRACT, other, self)

    def __isub__(self, other: Array | Scalar, /) -> Self:
        return self._update(elementwise.SUBTRACT, other)

    def __mul__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.MULTIPLY, self, other)

    def __rmul__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.MULTIPLY, other, self)

    def __imul__(self, other: Array | Scalar, /) -> Self:
        return self._update(elementwise.MULTIPLY, other)

    def __truediv__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.DIVIDE, self, other)

    def __rtruediv__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.DIVIDE, other, self)

    def __itruediv__(self, other: Array | Scalar, /) -> Self:
        return self._update(elementwise.DIVIDE, other)

    def __floordiv__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.FLOOR_DIVIDE, self, other)

    def __rfloordiv__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.FLOOR_DIVIDE, other, self)

    def __ifloordiv__(self, other: Array | float, /) -> Self:
        return self._update(elementwise.FLOOR_DIVIDE, other)

    def __mod__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.REMAINDER, self, other)

    def __rmod__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.REMAINDER, other, self)

    def __imod__(self, other: Array | float, /) -> Self:
        return self._update(elementwise.REMAINDER, other)

    def __pow__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.POW, self, other)

    def __rpow__(self, other: Array | Scalar, /) -> Array:
        return _operator(elementwise.POW, other, self)

    def __ipow__(self, other: Array | Scalar, /) -> Self:
        return self._update(elementwise.POW, other)

    def __and__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_AND, self, other)

    def __rand__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_AND, other, self)

    def __iand__(self, other: Array | int, /) -> Self:
        return self._update(elementwise.BITWISE_AND, other)

    def __or__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_OR, self, other)

    def __ror__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_OR, other, self)

    def __ior__(self, other: Array | int, /) -> Self:
        return self._update(elementwise.BITWISE_OR, other)

    def __xor__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_XOR, self, other)

    def __rxor__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_XOR, other, self)

    def __ixor__(self, other: Array | int, /) -> Self:
        return self._update(elementwise.BITWISE_XOR, other)

    def __lshift__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_LEFT_SHIFT, self, other)

    def __rlshift__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_LEFT_SHIFT, other, self)

    def __ilshift__(self, other: Array | int, /) -> Self:
        return self._update(elementwise.BITWISE_LEFT_SHIFT, other)

    def __rshift__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_RIGHT_SHIFT, self, other)

    def __rrshift__(self, other: Array | int, /) -> Array:
        return _operator(elementwise.BITWISE_RIGHT_SHIFT, other, self)

    def __irshift__(self, other: Array | int, /) -> Self:
        return self._update(elementwise.BITWISE_RIGHT_SHIFT, other)

    def __eq__(self, other: Array | Scalar, /) -> Array:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # elementwise
        return _equality(elementwise.EQUAL, self, other)

    def __ne__(self, other: Array | Scalar, /) -> Array:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # elementwise
        return _equality(elementwise.NOT_EQUAL, self, other)

    def __lt__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.LESS, self, other)

    def __le__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.LESS_EQUAL, self, other)

    def __gt__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.GREATER, self, other)

    def __ge__(self, other: Array | float, /) -> Array:
        return _operator(elementwise.GREATER_EQUAL, self, other)

    def __matmul__(self, other: Array, /) -> Array:
        return _matmul(self, other)

    def __rmatmul__(self, other: Array, /) -> Array:
        return _matmul(other, self)

    def __imatmul__(self, other: Array, /) -> Self:
        return self._updated(_matmul(self, other))

    def _update(self, rule: Elementwise, other: object) -> Self:
        """Return this object with the values of ``rule``: in its own memory where nobody else sees that."""
        if isinstance(other, _OPERANDS) and self._is_alone():
            operand = _operand_of(other, self)
            if elementwise.update(rule, self._block, operand, mixed=are_mixed_kinds_allowed()):
                self._replica = None
                return self
        return self._updated(_operator(rule, self, other))

    def _updated(self, result: Array) -> Self:
        """Return this object with the values of ``result``: an in-place operator keeps shape and data type."""
        if result is NotImplemented:
            return cast("Self", result)
        if result.shape != self.shape or result.dtype is not self.dtype:
            raise TypeError(
                f"an in-place operator keeps shape {self.shape} and data type {self.dtype}, "
                f"got {result.shape} and {result.dtype}"
            )
        self._replica = None
        self._block = redistribute(result._block, self.partition)
        return self


# What operators take.
_OPERANDS: Final = (Array, float, int, complex)

API_VERSIONS: Final = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


def _restored(local: torch.Tensor, shape: tuple[int, ...], partition: Partition, device: Device) -> Array:
    partition.check(shape, device.ranks)
    return Array._from_block(Block(local, shape, partition, device))


def _is_element(key: Key, ndim: int) -> bool:
    """Return whether ``key`` is one Python integer per axis."""
    if type(key) is int:
        return ndim == 1
    return type(key) is tuple and len(key) == ndim and all(type(part) is int for part in key)


def _engine_key(key: Key) -> indexing.Key:
    if isinstance(key, tuple):
        return tuple([part._block if isinstance(part, Array) else part for part in key])
    return (key._block if isinstance(key, Array) else key,)


# ---- the drivers behind every elementwise function and operator


def _operand_of(value: object, array: Array) -> Block:
    """Return the block of an operand that meets ``array``: its own, or that of a Python scalar.

    Raises
    ------
    TypeError, ValueError
        If it is neither, does not promote, or lives on another device.
    """
    if isinstance(value, Array):
        if value._block.device is not array._block.device and value._block.device != array._block.device:
            raise ValueError(
                f"arrays meet on one device: move one with to_device(), got {array.device} and {value.device}"
            )
        return value._block
    dtype = dt.promote_scalar(array.dtype, cast("Scalar", value), mixed=are_mixed_kinds_allowed())
    return scalar_block(cast("Scalar", value), dtype, array._block.device)


def as_operand(value: Array | Scalar, array: Array) -> Array:
    """Return an operand beside ``array``: an array itself, a Python scalar in the data type in which they meet.

    Raises
    ------
    TypeError
        If it does not promote.
    """
    return value if isinstance(value, Array) else Array._from_block(_operand_of(value, array))


def apply_unary(rule: Elementwise, x: Array) -> Array:
    """Return an elementwise ``rule`` of one array."""
    if not isinstance(x, Array):
        raise TypeError(f"{rule.name} takes an array, got {type(x).__name__}")
    return Array._from_block(elementwise.apply_unary(rule, x._block, mixed=are_mixed_kinds_allowed()))


def apply(rule: Elementwise, *operands: Array | Scalar) -> Array:
    """Return an elementwise ``rule`` of operands of which at least one is an array, the others arrays or scalars.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.
    """
    first = next((operand for operand in operands[rule.conditions :] if isinstance(operand, Array)), None)
    if first is None:
        raise TypeError(
            f"{rule.name} takes at least one array, got {' and '.join(type(o).__name__ for o in operands)}"
        )
    blocks = [_operand_of(operand, first) for operand in operands]
    return Array._from_block(elementwise.apply(rule, *blocks, mixed=are_mixed_kinds_allowed()))


def _operator(rule: Elementwise, left: object, right: object) -> Array:
    """Return ``rule`` for an operator, or NotImplemented for an operand that is neither array nor scalar."""
    array, other = (left, right) if isinstance(left, Array) else (cast("Array", right), left)
    if not isinstance(other, _OPERANDS):
        return cast("Array", NotImplemented)
    operand = _operand_of(other, array)
    blocks = (array._block, operand) if array is left else (operand, array._block)
    return Array._from_block(elementwise.apply(rule, *blocks, mixed=are_mixed_kinds_allowed()))


def _equality(rule: Elementwise, left: Array, right: object) -> Array:
    """Return ``rule`` for ``==`` or ``!=``: Python compares identities where an operator gives NotImplemented.

    Raises
    ------
    TypeError
        If ``right`` is another library's array or scalar: one truth value would pass for the elements'.
    """
    result = _operator(rule, left, right)
    if result is NotImplemented and hasattr(type(right), "__array__"):
        raise TypeError(
            "an operand must be an array or a Python bool, int, float or complex: convert it with asarray(), "
            f"got {type(right).__module__}.{type(right).__qualname__}"
        )
    return result


def _matmul(left: object, right: object) -> Array:
    if not isinstance(left, Array) or not isinstance(right, Array):
        return cast("Array", NotImplemented)
    return matmul(left, right)


def matmul(left: Array, right: Array) -> Array:
    """Return the matrix product, the rule behind the function and the operator."""
    first, second = promoted(left, right, accepts=dt.NUMERIC, function="matmul")
    return Array._from_block(contraction.matmul(first, second))


def promoted(*arrays: Array, accepts: frozenset[DType], function: str) -> list[Block]:
    """Return the arrays' blocks, on one device, cast to their common data type, which ``function`` must accept.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.
    """
    for array in arrays:
        if not isinstance(array, Array):
            raise TypeError(f"{function} takes arrays, got {type(array).__name__}")
    blocks = [_operand_of(array, arrays[0]) for array in arrays]
    dtypes = {block.dtype for block in blocks}
    if len(dtypes) == 1 and dtypes <= accepts:
        return blocks
    for block in blocks:
        if block.dtype not in accepts:
            raise TypeError(
                f"{function} takes arrays of a {dt.category_name(accepts)} data type, got {block.dtype}"
            )
    met = dt.promote_all(tuple(block.dtype for block in blocks), mixed=are_mixed_kinds_allowed())
    return [as_dtype(block, met) for block in blocks]


def as_dtype(block: Block, dtype: DType) -> Block:
    """Return the block with elements of ``dtype``, itself when they are already."""
    wanted = TORCH[dtype]
    return block if block.local.dtype == wanted else block.with_local(cast_tensor(block.local, wanted))
