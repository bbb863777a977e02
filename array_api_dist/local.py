"""Between global arrays and what each rank holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import told
from array_api_dist._array import Array
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType
from array_api_dist._host_values import dense
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist._shapes import normalize_axis
from array_api_dist._validation import device_or_default, dtype_checked, new_shape
from array_api_dist.collectives import Communicator
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import STANDARD, TORCH, standard_dtype
from array_api_dist.partition import partition_along, placement_for

__all__ = ["from_callback", "from_local", "to_local"]


def _settled(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` without lazy conjugation or negation, which no kernel takes."""
    return tensor.resolve_conj().resolve_neg()


def _placed(tensor: object, device: Device, *, copy: bool) -> torch.Tensor:
    """Return a rank's tensor on its device.

    Raises
    ------
    TypeError
        If it is none, or of a data type or layout that no array has.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"from_local takes a torch.Tensor, got {type(tensor).__name__}")
    standard_dtype(tensor)
    return _settled(dense(tensor, "from_local").to(device.torch_device, copy=copy))


def _described(tensor: torch.Tensor) -> list[int]:
    """Return data type and shape as integers of a fixed number, to be compared between ranks."""
    return [list(STANDARD).index(tensor.dtype), tensor.ndim]


def _gathered(values: list[int], communicator: Communicator) -> list[list[int]]:
    """Return every rank's ``values`` (equally many everywhere). Communication: one allgather."""
    mine = torch.tensor([values], dtype=torch.int64)
    return [
        [int(value) for value in row]
        for row in communicator.allgather(mine, 0, (1,) * communicator.ranks).tolist()
    ]


def _disagreement(facts: Sequence[object], what: str) -> ValueError | None:
    if all(fact == facts[0] for fact in facts):
        return None
    return ValueError(f"the local tensors of all ranks must agree in {what}, got {facts}")


def from_local(
    tensor: torch.Tensor, /, axis: int | None = 0, *, device: Device | None = None, copy: bool = True
) -> Array:
    """Return the global array whose parts are the ranks' tensors, one after another along ``axis``.

    Parameters
    ----------
    tensor : torch.Tensor, shape (..., n_rank, ...)
        This rank's part; ranks may differ in n only, and n may be 0.
    axis : int or None, optional
        None: the tensor is the whole array, equal on every rank.
    device : Device, optional
    copy : bool, optional
        False lets the array share the tensor's memory, to which nobody may write from then on: elements that were
        read may have been kept.

    Returns
    -------
    Array, shape (..., sum of n, ...), partitioned along ``axis`` as given

    Raises
    ------
    ValueError
        On every rank, if shapes or data types don't fit together.
    TypeError
        On every rank, if a data type is not the standard's, or a tensor is sparse or holds no values.

    Notes
    -----
    Communication: two allgathers of a few integers, and at most three agreements on them.
    """
    device = device_or_default(device)
    communicator = device.communicator
    local, error = torch.empty(0), None
    try:
        local = _placed(tensor, device, copy=copy)
    except Exception as failed:  # noqa: BLE001 - no memory left on a device, too, is raised on every rank
        error = failed
    communicator.agree(error)
    dtypes = list(STANDARD.values())
    told = [(str(dtypes[number]), axes) for number, axes in _gathered(_described(local), communicator)]
    communicator.agree(_disagreement(told, "data type and number of axes"))
    if axis is None:
        shapes = _gathered(list(local.shape), communicator)
        communicator.agree(_disagreement(shapes, "shape"))
        return Array._from_block(Block(local, tuple(local.shape), REPLICATED, device))
    axis = normalize_axis(axis, local.ndim)
    shapes = _gathered(list(local.shape), communicator)
    others = [shape[:axis] + shape[axis + 1 :] for shape in shapes]
    communicator.agree(_disagreement(others, f"every length but that of axis {axis}"))
    partition = Partition.from_counts(axis, [shape[axis] for shape in shapes])
    shape = (*local.shape[:axis], partition.length, *local.shape[axis + 1 :])
    return Array._from_block(Block(local, shape, partition, device))


def to_local(x: Array, /) -> torch.Tensor:
    """Return this rank's part of ``x`` as a tensor of its own. Communication: none."""
    if not isinstance(x, Array):
        raise TypeError(f"to_local takes an array, got {type(x).__name__}")
    return x._block.local.detach().clone(memory_format=torch.contiguous_format)


def from_callback(
    shape: int | Sequence[int],
    function: Callable[[tuple[slice, ...]], object],
    *,
    dtype: DType = dt.DEFAULT_FLOAT,
    partition: Partition | int | None | str = "default",
    device: Device | None = None,
) -> Array:
    """Return an array whose parts ``function`` gives: no rank ever holds the whole.

    Parameters
    ----------
    shape : int or tuple of int
        The global shape.
    function : callable
        ``function(index)`` gets a slice per axis and returns the values there: a tensor, a NumPy array, or
        anything ``torch.as_tensor`` takes. The array never writes to what they lie in.
    dtype : DType, optional
        Of the array; the values are cast to it.
    partition : Partition, int, None or "default", optional
        The layout, or the axis to split evenly, or None for a copy on every rank, or the default placement.
    device : Device, optional

    Raises
    ------
    ValueError
        On every rank, if a callback gives another shape; any error of a callback is raised on every rank.
    TypeError
        On every rank, if a callback gives no numbers, or a tensor that is sparse or holds no values.

    Notes
    -----
    Communication: one agreement that no callback failed.
    """
    whole = new_shape(shape)
    device, wanted = device_or_default(device), TORCH[dtype_checked(dtype)]
    if isinstance(partition, str):
        if partition != "default":
            raise ValueError(f'partition must be a Partition, an axis, None or "default", got {partition!r}')
        layout = placement_for(whole, device)
    else:
        layout = partition_along(partition, whole, device)
    if not callable(function):
        raise TypeError(f"function must be callable, got {told(function)}")
    index = tuple(
        slice(*cut.indices(n))
        for cut, n in zip(layout.local_slices(len(whole), device.rank), whole, strict=True)
    )
    local, error = torch.empty(0), None
    try:
        local = _called_back(function, index, layout.local_shape(whole, device.rank), wanted, device)
    except Exception as failed:  # noqa: BLE001 - whatever a callback raises is raised on every rank
        error = failed
    device.communicator.agree(error)
    return Array._from_block(Block(local, whole, layout, device))


def _called_back(
    function: Callable[[tuple[slice, ...]], object],
    index: tuple[slice, ...],
    shape: tuple[int, ...],
    dtype: torch.dtype,
    device: Device,
) -> torch.Tensor:
    """Return what the callback gives, in memory that nothing but torch sees.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    found = function(index)
    if isinstance(found, np.ndarray) and not _is_plain(found):
        found = found.astype(found.dtype.newbyteorder("="), order="C")
    try:
        tensor = torch.as_tensor(found)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            f"the callback for {index} must give numbers or booleans, got {type(found).__name__}: {error}"
        ) from error
    given = dense(tensor, "from_callback")
    values = _settled(cast(given, dtype).to(device.torch_device))
    if tuple(values.shape) != shape:
        raise ValueError(f"the callback for {index} must give shape {shape}, got {tuple(values.shape)}")
    # What torch did not allocate is somebody's array, buffer or file: who else sees it nobody counts.
    if not values.untyped_storage().resizable():
        return values.clone(memory_format=torch.contiguous_format)
    return values


def _is_plain(values: np.ndarray[Any, Any]) -> bool:
    """Return whether torch takes the memory of ``values`` without complaint."""
    return values.flags.writeable and values.flags.c_contiguous and values.dtype.isnative
