"""One long distributed axis: the four-step transform (Bailey 1990), and Bluestein's (1970) where factors are lacking.

The points of the axis are a row-major matrix of n1 rows and n2 columns. Columns are transformed, multiplied by twiddle
factors and turned into rows, the rows are transformed: X[k1 + k2 * n1] then stands in row k1, column k2.
Tensors here are a rank's parts (..., rows, columns) of such matrices, the array's other axes in front.
"""

from __future__ import annotations

from math import pi
from typing import Final

import torch

from array_api_dist import _fourier as rules
from array_api_dist._block import Block
from array_api_dist._exchange import Box, boxes_in
from array_api_dist._fourier import Plan, Route, Source
from array_api_dist._partition import Partition, Shape
from array_api_dist.collectives import Piece
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.engine.transforms import Transform

CHUNK: Final = 1 << 18
"""Twiddle factors are made for about this many elements at a time."""


def transform(
    rule: Transform, block: Block, axis: int, points: int, norm: str, plan: Plan, target: Partition
) -> Block:
    """Return ``block`` transformed along its partitioned ``axis``, laid out as ``target``.

    Communication: 3 exchanges; 5 by way of a convolution.
    """
    matrix = _columns_of(rule, block, axis, points, plan)
    scale = rules.scale_of(norm, points, inverse=rule.inverse)
    if plan.route is Route.FOUR_STEP:
        result = _rows_from_columns(matrix, inverse=rule.inverse)
    else:
        result = _convolved(matrix, points, inverse=rule.inverse)
    result.local.mul_(scale)
    return _flattened(rule, result, target, axis, block.shape)


def _matrix_view(flat: torch.Tensor, start: int, width: int, box: Box) -> torch.Tensor:
    """Return ``box`` out of a last axis that holds the elements from ``start`` on of a matrix of ``width``."""
    offset = box.row * width - start
    if box.rows == 1:
        row = flat.narrow(-1, offset + box.column, box.columns)
        return row.unsqueeze(-2)
    rows = flat.narrow(-1, offset, box.rows * width)
    rows = rows.view(*flat.shape[:-1], box.rows, width)
    return rows.narrow(-1, box.column, box.columns)


def _held(local: torch.Tensor, source: Source) -> torch.Tensor:
    part = local.narrow(-1, source.first, source.count)
    return part.flip(-1).conj().resolve_conj() if source.mirrored else part


def _columns_of(rule: Transform, block: Block, axis: int, points: int, plan: Plan) -> Block:
    """Bring the points into columns, missing ones as zeros. Communication: one exchange."""
    rows, width = plan.factors
    device, flat = block.device, block.local.movedim(axis, -1)
    columns = Partition.even(len(block.shape), width, device.ranks)
    low, high = columns.interval(device.rank)
    matrix = flat.new_zeros((*flat.shape[:-1], rows, high - low))
    own = [
        (source, _held(flat, source))
        for source in rules.sources(block.partition, device.rank, points, half=rule.half_input)
        if source.count
    ]
    sends = [
        Piece(peer, _matrix_view(held, source.start, width, found))
        for peer in range(device.ranks)
        for source, held in own
        for found in boxes_in(source.start, source.stop, width, *columns.interval(peer))
    ]
    receives = [
        Piece(peer, _inside(matrix, found, low))
        for peer in range(device.ranks)
        for source in rules.sources(block.partition, peer, points, half=rule.half_input)
        for found in boxes_in(source.start, source.stop, width, low, high)
    ]
    device.communicator.exchange(sends, receives)
    if rule.half_input:
        _drop_imaginary(matrix, points, width, low)
    shape = (*flat.shape[:-1], rows, width)
    return Block(matrix.to(matrix.dtype.to_complex()), shape, columns, device)


def _drop_imaginary(matrix: torch.Tensor, points: int, width: int, low: int) -> None:
    """Make real, in place, the points that a Hermitian spectrum has once; other transforms don't look at the rest."""
    for point in {0, points // 2} if points % 2 == 0 else {0}:
        row, column = divmod(point, width)
        matrix[..., row, max(column - low, 0) : max(column - low + 1, 0)].imag.zero_()


def _inside(matrix: torch.Tensor, box: Box, low: int) -> torch.Tensor:
    """Return ``box`` of a part whose columns begin at ``low``."""
    rows = matrix.narrow(-2, box.row, box.rows)
    return rows.narrow(-1, box.column - low, box.columns)


def _lines(tensor: torch.Tensor, dim: int, *, inverse: bool) -> torch.Tensor:
    """Transform without scaling."""
    if not tensor.numel():
        return tensor
    result: torch.Tensor = (
        torch.fft.ifft(tensor, dim=dim, norm="forward") if inverse else torch.fft.fft(tensor, dim=dim)
    )
    return result


def _roots(numerators: torch.Tensor, denominator: int, *, inverse: bool, dtype: torch.dtype) -> torch.Tensor:
    """Return exp(∓2πi k / denominator): the angles in double precision, from exactly reduced integers."""
    angle = (numerators % denominator).to(torch.float64) * ((2 if inverse else -2) * pi / denominator)
    return torch.complex(torch.cos(angle), torch.sin(angle)).to(dtype)


def _twiddle(block: Block, *, inverse: bool) -> None:
    """Multiply element (k1, j2) by the root of unity of exponent k1 * j2, in place."""
    local, ndim = block.local, block.ndim
    points = block.shape[-2] * block.shape[-1]
    rows, columns = local.shape[-2:]
    first, second = (
        torch.arange(count, device=local.device) + block.offset(axis)
        for count, axis in ((rows, ndim - 2), (columns, ndim - 1))
    )
    step = max(CHUNK // max(columns, 1), 1)
    for start in range(0, rows, step):
        chunk = first[start : start + step]
        factors = _roots(chunk[:, None] * second, points, inverse=inverse, dtype=local.dtype)
        local.narrow(-2, start, len(chunk)).mul_(factors)


def _rows_from_columns(matrix: Block, *, inverse: bool) -> Block:
    """Return the spectrum (k1, k2), laid out in rows, of points (j1, j2) in columns. Communication: one exchange."""
    turned = matrix.with_local(_lines(matrix.local, -2, inverse=inverse))
    _twiddle(turned, inverse=inverse)
    axis = matrix.ndim - 2
    rows = redistribute(turned, Partition.even(axis, matrix.shape[axis], matrix.device.ranks))
    return rows.with_local(_lines(rows.local, -1, inverse=inverse))


def _columns_from_rows(spectrum: Block, *, inverse: bool) -> Block:
    """Return the points (j1, j2) in columns of a spectrum (k1, k2) in rows. Communication: one exchange."""
    turned = spectrum.with_local(_lines(spectrum.local, -1, inverse=inverse))
    _twiddle(turned, inverse=inverse)
    axis = spectrum.ndim - 1
    columns = redistribute(turned, Partition.even(axis, spectrum.shape[axis], spectrum.device.ranks))
    return columns.with_local(_lines(columns.local, -2, inverse=inverse))


def _flat_indices(matrix: Block) -> torch.Tensor:
    """Return where each element of a part in columns stands in the flat axis."""
    rows, width = matrix.shape[-2:]
    columns = torch.arange(matrix.local.shape[-1], device=matrix.local.device) + matrix.offset(
        matrix.ndim - 1
    )
    return torch.arange(rows, device=matrix.local.device)[:, None] * width + columns


def _chirp(indices: torch.Tensor, points: int, *, inverse: bool, dtype: torch.dtype) -> torch.Tensor:
    """Return exp(∓πi k² / points); squares are reduced in two halves, exact below 2**39 points."""
    modulus = 2 * points
    index = indices % modulus
    high, low = index >> 20, index & ((1 << 20) - 1)
    squares = (index * high % modulus * (1 << 20) % modulus + index * low % modulus) % modulus
    return _roots(squares, modulus, inverse=inverse, dtype=dtype)


def _convolved(matrix: Block, points: int, *, inverse: bool) -> Block:
    """Return the transform of ``points`` in columns, as a cyclic convolution with a chirp.

    jk = (j² + k² - (k - j)²) / 2 turns the sum over j into a convolution, in columns again.
    Communication: three exchanges, one of them of the chirp.
    """
    length, dtype = matrix.shape[-2] * matrix.shape[-1], matrix.local.dtype
    indices = _flat_indices(matrix)
    chirp = _chirp(indices, points, inverse=inverse, dtype=dtype)
    spectrum = _rows_from_columns(matrix.with_local(matrix.local * chirp), inverse=False)
    distance = torch.minimum(indices, length - indices)
    kernel = _chirp(distance, points, inverse=not inverse, dtype=dtype).masked_fill_(distance >= points, 0)
    # Scaled in the end, large points would overflow on the way.
    kernel.mul_(1.0 / length)
    shape = matrix.shape[-2:]
    columns = matrix.partition.on_axis(1)
    kernel_spectrum = _rows_from_columns(Block(kernel, shape, columns, matrix.device), inverse=False)
    spectrum.local.mul_(kernel_spectrum.local)
    result = _columns_from_rows(spectrum, inverse=True)
    result.local.mul_(chirp)
    return result


def _flattened(rule: Transform, matrix: Block, target: Partition, axis: int, shape: Shape) -> Block:
    """Return the matrix as a flat axis laid out as ``target``. Communication: one exchange.

    Laid out in rows the matrix is the transposed of what the flat axis holds.
    """
    device, local = matrix.device, matrix.local
    if matrix.partition.axis == matrix.ndim - 2:
        local, width = local.transpose(-1, -2), matrix.shape[-2]
    else:
        width = matrix.shape[-1]
    if rule.half_input:
        local = local.real
    start, stop = target.interval(device.rank)
    flat = local.new_empty((*local.shape[:-2], stop - start))
    own = matrix.partition.interval(device.rank)
    sends = [
        Piece(peer, _inside(local, found, own[0]))
        for peer in range(device.ranks)
        for found in boxes_in(*target.interval(peer), width, *own)
    ]
    receives = [
        Piece(peer, _matrix_view(flat, start, width, found))
        for peer in range(device.ranks)
        for found in boxes_in(start, stop, width, *matrix.partition.interval(peer))
    ]
    device.communicator.exchange(sends, receives)
    whole = (*shape[:axis], target.length, *shape[axis + 1 :])
    return Block(flat.movedim(-1, axis), whole, target, device)
