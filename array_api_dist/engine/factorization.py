"""Matrix factorizations: local where matrices lie whole, TSQR for long ones, blocked for shared square ones.

Functions take floating-point blocks and refuse wrong shapes from metadata.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from array_api_dist import _matrices as rules
from array_api_dist._alignment import Layout, align_to
from array_api_dist._block import Block
from array_api_dist._matrices import Form, Route
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.engine import blocked, contraction, rearrangement, tall_skinny
from array_api_dist.engine.agreement import agreed
from array_api_dist.engine.matrices import (
    adjoint,
    by_columns,
    by_rows,
    guarded,
    identity_like,
    on_single_ranks,
    refuse_too_large,
    route_of,
    singular,
    transposed,
    whole_matrices,
)
from array_api_dist.engine.redistribution import redistribute, replicate
from array_api_dist.kernels import factors


def cholesky(block: Block, *, upper: bool = False) -> Block:
    """Return the Cholesky factors, made of the lower triangles.

    Communication: none for whole matrices; else that of ``blocked.cholesky``.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank, if a matrix is not positive definite.
    """
    rules.check_square("cholesky", block.shape)
    whole = whole_matrices(block)
    if whole is None:
        lower = blocked.cholesky(block)
    else:
        factor, info = torch.linalg.cholesky_ex(whole.local)
        agreed(whole, blocked.not_positive_definite() if bool((info > 0).any()) else None)
        lower = whole.with_local(factor)
    return adjoint(lower) if upper else lower


def qr(block: Block, *, complete: bool = False) -> tuple[Block, Block]:
    """Return Q and R, with the signs of Householder's reflections.

    Communication: none for whole matrices; TSQR's for P times as many rows as columns (Q partitioned along its rows,
    R replicated); the leading square once for P times as many columns; else that of ``blocked.qr``.
    """
    rules.check_matrices("qr", block.shape)
    whole = whole_matrices(block)
    if whole is not None:
        factor, upper = factors.qr(whole.local, complete=complete)
        return _as_matrices(whole, factor), _as_matrices(whole, upper)
    form = rules.form(block.shape, block.device.ranks)
    if form is Form.WIDE:
        return _wide_qr(by_columns(block))
    if form is Form.TALL and not complete:
        return tall_skinny.qr(by_rows(block))
    return blocked.qr(block, complete=complete)


def _wide_qr(block: Block) -> tuple[Block, Block]:
    axis, rows = block.ndim - 1, block.shape[-2]
    leading = replicate(rearrangement.take_slice(block, axis, 0, 1, rows))
    factor = leading.with_local(factors.qr(leading.local)[0])
    upper = contraction.matmul(adjoint(factor), block)
    return factor, upper.with_local(torch.triu(upper.local, -upper.offset(axis)))


def _as_matrices(whole: Block, local: torch.Tensor) -> Block:
    """Return results of whole matrices, laid out as the batch axes of ``whole``."""
    batch = whole.ndim - 2
    return Block(local, (*whole.shape[:batch], *local.shape[batch:]), whole.partition, whole.device)


def _on_whole(
    function: str,
    block: Block,
    compute: Callable[[torch.Tensor], tuple[torch.Tensor, ...]],
    *,
    reads_lower: bool = False,
) -> tuple[Block, ...]:
    """Return what ``compute`` gives for matrices that lie whole on a rank, brought there if they don't yet.

    Where it ``reads_lower`` triangles alone, what is above them may be anything.
    """
    whole, lacks_batch = whole_matrices(block), False
    if whole is None:
        whole, lacks_batch = on_single_ranks(function, block)
    if reads_lower:
        whole = whole.with_local(torch.tril(whole.local))
    results = [_as_matrices(whole, local) for local in guarded(function, whole, compute)]
    return tuple(rearrangement.squeeze(result, (0,)) if lacks_batch else result for result in results)


def eigh(block: Block) -> tuple[Block, Block]:
    """Return eigenvalues and eigenvectors of Hermitian matrices, made of the lower triangles.

    Communication: none for whole matrices; else one exchange that brings each to one rank, and one of the result.
    """
    rules.check_square("eigh", block.shape)
    values, vectors = _on_whole("eigh", block, factors.eigh, reads_lower=True)
    return values, vectors


def eigvalsh(block: Block) -> Block:
    """Return the eigenvalues of Hermitian matrices. Communication: as ``eigh``."""
    rules.check_square("eigvalsh", block.shape)
    return _on_whole("eigvalsh", block, lambda local: (torch.linalg.eigvalsh(local),), reads_lower=True)[0]


def eig(block: Block) -> tuple[Block, Block]:
    """Return complex eigenvalues and eigenvectors. Communication: as ``eigh``."""
    rules.check_square("eig", block.shape)
    values, vectors = _on_whole("eig", block, factors.eig)
    return values, vectors


def eigvals(block: Block) -> Block:
    """Return complex eigenvalues. Communication: as ``eigh``."""
    rules.check_square("eigvals", block.shape)
    return _on_whole("eigvals", block, lambda local: (torch.linalg.eigvals(local),))[0]


def _is_split(block: Block, form: Form) -> bool:
    """Return whether the ranks share matrices of this form."""
    return route_of(block) is Route.SPLIT and rules.form(block.shape, block.device.ranks) is form


def svd(block: Block, *, full_matrices: bool = False) -> tuple[Block, Block, Block]:
    """Return U, S and Vh.

    Communication: none for whole matrices; TSQR's for P times as many rows as columns or the reverse (with
    ``full_matrices`` that of ``blocked.qr``); else one exchange that brings a square matrix to one rank, and one back.
    Of others that is the triangle that ``blocked.qr`` leaves, and the factors are multiplied.
    """
    rules.check_matrices("svd", block.shape)
    if route_of(block) is Route.SPLIT and block.shape[-2] < block.shape[-1]:
        right, values, left = svd(adjoint(block), full_matrices=full_matrices)
        return adjoint(left), values, adjoint(right)
    if _is_split(block, Form.TALL):
        return _long_svd_full(block, _triangle_svd) if full_matrices else _tall_svd(by_rows(block))
    if route_of(block) is Route.SPLIT and block.shape[-2] > block.shape[-1]:
        refuse_too_large("svd", block, _triangle_shape(block))
        return _long_svd_full(block, _single_svd) if full_matrices else _long_svd(block)
    return _single_svd(block, full_matrices=full_matrices)


def _single_svd(block: Block, *, full_matrices: bool = False) -> tuple[Block, Block, Block]:
    left, values, right = _on_whole(
        "svd", block, lambda local: factors.svd(local, full_matrices=full_matrices)
    )
    return left, values, right


def _triangle_shape(block: Block) -> Shape:
    """Return the shape of the triangle that a factorization of long matrices leaves."""
    return (*block.shape[:-2], block.shape[-1], block.shape[-1])


def _small_svd(triangle: Block) -> tuple[Block, Block, Block]:
    left, values, right = guarded("svd", triangle, lambda local: factors.svd(local, full_matrices=False))
    return _as_matrices(triangle, left), _as_matrices(triangle, values), _as_matrices(triangle, right)


def _tall_svd(block: Block) -> tuple[Block, Block, Block]:
    factor, upper = tall_skinny.any_qr(block)
    left, values, right = _small_svd(upper)
    return factor.with_local(factor.local @ left.local), values, right


def _triangle_svd(block: Block) -> tuple[Block, Block, Block]:
    return _small_svd(replicate(block))


def _long_svd(block: Block) -> tuple[Block, Block, Block]:
    factor, upper = blocked.qr(block, complete=False)
    left, values, right = _single_svd(upper)
    return contraction.matmul(factor, left), values, right


def _long_svd_full(
    block: Block, decompose: Callable[[Block], tuple[Block, Block, Block]]
) -> tuple[Block, Block, Block]:
    rows, columns = block.shape[-2:]
    last = block.ndim - 1
    factor, upper = blocked.qr(block, complete=True)
    left, values, right = decompose(rearrangement.take_slice(upper, last - 1, 0, 1, columns))
    rotated = contraction.matmul(rearrangement.take_slice(factor, last, 0, 1, columns), left)
    rest = rearrangement.take_slice(factor, last, columns, 1, rows - columns)
    return rearrangement.concat((rotated, rest), last), values, right


def svdvals(block: Block, function: str = "svdvals") -> Block:
    """Return the singular values. Communication: as ``svd``, but R is made without Q."""
    rules.check_matrices(function, block.shape)
    if route_of(block) is Route.SPLIT:
        block = adjoint(block) if block.shape[-2] < block.shape[-1] else block
        if _is_split(block, Form.TALL):
            block = tall_skinny.triangle(by_rows(block))
        elif block.shape[-2] > block.shape[-1]:
            refuse_too_large(function, block, _triangle_shape(block))
            block = blocked.triangle(block)
    return _on_whole(function, block, lambda local: (factors.svdvals(local),))[0]


def _without_matrices(local: torch.Tensor, block: Block, partition: Partition) -> Block:
    """Return one number a matrix of ``block``."""
    return Block(local, block.shape[:-2], partition, block.device)


def _eliminated(block: Block) -> blocked.Eliminated:
    # Rows shared out are columns of the transposed matrices, whose determinant is the same.
    return blocked.eliminate(transposed(block) if block.partition.axis == block.ndim - 2 else block)


def det(block: Block) -> Block:
    """Return the determinants. Communication: none for whole matrices; else that of ``blocked.eliminate``."""
    rules.check_square("det", block.shape)
    whole = whole_matrices(block)
    if whole is not None:
        return _without_matrices(factors.det(whole.local), block, whole.partition)
    made = _eliminated(block)
    return _without_matrices(factors.det_of_pivots(made.diagonal, made.exchanges), block, REPLICATED)


def slogdet(block: Block) -> tuple[Block, Block]:
    """Return the signs and the logarithms of the absolute values of the determinants. Communication: as ``det``."""
    rules.check_square("slogdet", block.shape)
    whole = whole_matrices(block)
    if whole is not None:
        (sign, logarithm), partition = factors.slogdet(whole.local), whole.partition
    else:
        found = _eliminated(block)
        sign = torch.sgn(found.diagonal).prod(-1) * found.sign
        logarithm, partition = torch.log(torch.abs(found.diagonal)).sum(-1), REPLICATED
    # torch calls the sign of a NaN 0, which is that of a singular matrix.
    sign = torch.where(logarithm.isnan(), torch.nan, sign)
    return _without_matrices(sign, block, partition), _without_matrices(logarithm, block, partition)


def inv(block: Block) -> Block:
    """Return the inverse matrices. Communication: none for whole matrices; else that of ``blocked.solve``.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank, if a matrix is singular.
    """
    rules.check_square("inv", block.shape)
    whole = whole_matrices(block)
    if whole is not None:
        result, is_singular = factors.inv(whole.local)
        agreed(whole, singular("inv") if is_singular else None)
        return whole.with_local(result)
    if block.partition.axis == block.ndim - 2:
        # Rows shared out are columns of the transposed matrices, whose inverses are the transposed inverses.
        return transposed(_inverse_by_columns(transposed(block)))
    return _inverse_by_columns(block)


def _inverse_by_columns(block: Block) -> Block:
    columns = by_columns(block)
    return columns.with_local(blocked.solve("inv", columns, identity_like(columns).local))


def solve(matrix: Block, right: Block) -> Block:
    """Return the solutions X of ``matrix`` X = ``right``, which is a vector or a stack of matrices.

    Communication: the right-hand side moves once at most, the matrices not at all where they lie whole; else that
    of ``blocked.solve``.

    Raises
    ------
    ValueError
        On every rank, before communication: shapes that don't meet.
    numpy.linalg.LinAlgError
        On every rank, if a matrix is singular.
    """
    stacked, shape = rules.solve_shape(matrix.shape, right.shape)
    is_vector = len(stacked) > right.ndim
    side = rearrangement.expand_dims(right, (1,)) if is_vector else right
    whole = whole_matrices(matrix)
    if 0 in shape[:-2]:
        # No equations, whatever the matrices are: of one that is singular nothing is asked.
        target = rules.solve_partition(matrix.layout, side.layout, shape, matrix.device.ranks)
        local = side.local.new_empty(target.local_shape(shape, matrix.device.rank))
        result = Block(local, shape, target, matrix.device)
    else:
        result = _solved_together(matrix, side, shape) if whole is None else _solved_apart(whole, side, shape)
    return rearrangement.squeeze(result, (result.ndim - 1,)) if is_vector else result


def _part(block: Block, shape: Shape, target: Partition) -> torch.Tensor:
    """Return the part of ``block`` that meets the part ``target`` of a result of ``shape``, to which it broadcasts."""
    return redistribute(block, align_to(Layout(shape, target), block.layout)[0]).local


def _solved_apart(matrix: Block, side: Block, shape: Shape) -> Block:
    target = rules.solve_partition(matrix.layout, side.layout, shape, matrix.device.ranks)
    batch = REPLICATED if target.axis is not None and target.axis >= len(shape) - 2 else target
    left = _part(matrix, (*shape[:-2], *matrix.shape[-2:]), batch)
    right = _part(side, shape, target)
    # torch would take a right-hand side of fewer axes than the matrices for a stack of vectors.
    right = right[(None,) * max(left.ndim - right.ndim, 0)]
    local, is_singular = factors.solve(left, right)
    result = Block(local.expand(target.local_shape(shape, matrix.device.rank)), shape, target, matrix.device)
    agreed(result, singular("solve") if is_singular else None)
    return result


def _solved_together(matrix: Block, side: Block, shape: Shape) -> Block:
    """Solve with matrices that the ranks share: each keeps some columns of a large right-hand side, or a copy."""
    device, last = matrix.device, len(shape) - 1
    target = REPLICATED
    if side.nbytes > rules.COPY_NBYTES and shape[last] > 1:
        target = Partition.even(last, shape[last], device.ranks)
    part = _part(side, shape, target).expand(target.local_shape(shape, device.rank))
    solved = blocked.solve("solve", matrix, part.clone(memory_format=torch.contiguous_format))
    result = Block(solved, shape, target, device)
    if target.axis is None and side.partition.axis == side.ndim - 2:
        return redistribute(result, side.partition.on_axis(last - 1))
    return result


def _largest(values: torch.Tensor) -> torch.Tensor:
    """Return the largest singular values (..., 1), 0 where there are none."""
    if values.shape[-1] == 0:
        return values.new_zeros((*values.shape[:-1], 1))
    return values.amax(-1, keepdim=True)


def _whole_vectors(values: Block) -> Block:
    """Return the singular values of each matrix together. Communication: one allgather of very long ones."""
    return replicate(values) if values.partition.axis == values.ndim - 1 else values


def _are_nonzero(values: Block, rtol: float | Block | None, shape: Shape) -> torch.Tensor:
    """Return which singular values of matrices of ``shape`` count as nonzero."""
    if rtol is None:
        rtol = max(shape[-2:]) * torch.finfo(values.local.dtype).eps
    if isinstance(rtol, Block):
        tolerance = _part(rtol, values.shape[:-1], values.partition)[..., None]
    else:
        tolerance = torch.tensor(rtol, dtype=values.local.dtype, device=values.local.device)
    return values.local > tolerance * _largest(values.local)


def pinv(block: Block, rtol: float | Block | None = None) -> Block:
    """Return the pseudo-inverses; singular values up to ``rtol`` times the largest count as zero.

    ``rtol`` is max(M, N) times the machine epsilon by default; a block of it broadcasts to the batch axes.
    Communication: that of ``svd``.
    """
    rules.check_matrices("pinv", block.shape)
    left, values, right = svd(block)
    values = _whole_vectors(values)
    nonzero = _are_nonzero(values, rtol, block.shape)
    inverse = torch.where(nonzero, 1 / values.local, 0)
    return contraction.matmul(_scaled(adjoint(right), values.with_local(inverse)), adjoint(left))


def _scaled(block: Block, values: Block) -> Block:
    """Return the columns of matrices, each multiplied with its value. Communication: the values, if at all."""
    if block.partition.axis is not None and block.partition.axis == block.ndim - 1:
        values = redistribute(values, block.partition.on_axis(values.ndim - 1))
    elif block.partition.axis == block.ndim - 2:
        values = replicate(values)
    return block.with_local(block.local * values.local[..., None, :])


def matrix_rank(block: Block, rtol: float | Block | None = None) -> Block:
    """Return how many singular values exceed ``rtol`` times the largest. Communication: that of ``svdvals``."""
    values = _whole_vectors(svdvals(block, "matrix_rank"))
    counts = _are_nonzero(values, rtol, block.shape).sum(-1)
    return Block(counts, values.shape[:-1], values.partition, values.device)


def matrix_power(block: Block, exponent: int) -> Block:
    """Return the matrices to an integer power, by repeated squaring. Communication: that of the products.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank, if ``exponent`` is negative and a matrix singular.
    """
    rules.check_square("matrix_power", block.shape)
    if exponent == 0:
        return identity_like(block)
    square, left = (inv(block), -exponent) if exponent < 0 else (block, exponent)
    result: Block | None = None
    while True:
        if left % 2:
            result = square if result is None else contraction.matmul(result, square)
        left //= 2
        if not left:
            assert result is not None
            return result
        square = contraction.matmul(square, square)
