"""The namespace, member by member, against the Protocols of PyPI's `types-array-api`: docs/typing.md says why.

A suppression marks a member that cannot match; mypy reports one that is no longer needed. The whole module is not
assigned to `ArrayNamespace`: a Protocol's attributes are invariant, and that one asks for `Device`, which the standard
does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._dtypes import DType
from array_api_dist.device import Device

if TYPE_CHECKING:  # written for Python 3.12: 3.11 cannot import it
    from array_api import _draft as standard

# Its arrays can be made by calling the class; the standard's only by functions.
_array: type[standard.Array[DType, Device]] = Array  # pyright: ignore[reportAssignmentType]  # its operators take any namespace's arrays


# ---- the functions, constants and data types

_astype: standard.astype[Array, DType, Device] = xp.astype
_can_cast: standard.can_cast[Array, DType] = xp.can_cast
_finfo: standard.finfo[Array, DType] = xp.finfo  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a frozen dataclass: the Protocol asks for attributes that can be set
_iinfo: standard.iinfo[Array, DType] = xp.iinfo  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a frozen dataclass: the Protocol asks for attributes that can be set
_isdtype: standard.isdtype[DType] = xp.isdtype
_result_type: standard.result_type[Array, DType] = xp.result_type
_cumulative_prod: standard.cumulative_prod[Array, DType] = xp.cumulative_prod
_cumulative_sum: standard.cumulative_sum[Array, DType] = xp.cumulative_sum
_max: standard.max[Array] = xp.max
_mean: standard.mean[Array] = xp.mean
_min: standard.min[Array] = xp.min
_prod: standard.prod[Array, DType] = xp.prod
_std: standard.std[Array] = xp.std
_sum: standard.sum[Array, DType] = xp.sum
_var: standard.var[Array] = xp.var
_arange: standard.arange[Array, DType, Device] = xp.arange
_asarray: standard.asarray[Array, DType, Device] = xp.asarray  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # lists and tuples, where the Protocol takes anything with __getitem__ and __len__
_empty: standard.empty[Array, DType, Device] = xp.empty
_empty_like: standard.empty_like[Array, DType, Device] = xp.empty_like
_eye: standard.eye[Array, DType, Device] = xp.eye
_from_dlpack: standard.from_dlpack[Array, Device] = xp.from_dlpack
_full: standard.full[Array, DType, Device] = xp.full
_full_like: standard.full_like[Array, DType, Device] = xp.full_like
_linspace: standard.linspace[Array, DType, Device] = xp.linspace
_meshgrid: standard.meshgrid[Array] = xp.meshgrid  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a tuple since 2025.12, where the Protocol has a list
_ones: standard.ones[Array, DType, Device] = xp.ones
_ones_like: standard.ones_like[Array, DType, Device] = xp.ones_like
_tril: standard.tril[Array] = xp.tril
_triu: standard.triu[Array] = xp.triu
_zeros: standard.zeros[Array, DType, Device] = xp.zeros
_zeros_like: standard.zeros_like[Array, DType, Device] = xp.zeros_like
_argsort: standard.argsort[Array] = xp.argsort
_sort: standard.sort[Array] = xp.sort
_abs: standard.abs[Array] = xp.abs
_acos: standard.acos[Array] = xp.acos
_acosh: standard.acosh[Array] = xp.acosh
_add: standard.add[Array] = xp.add
_asin: standard.asin[Array] = xp.asin
_asinh: standard.asinh[Array] = xp.asinh
_atan: standard.atan[Array] = xp.atan
_atan2: standard.atan2[Array] = xp.atan2
_atanh: standard.atanh[Array] = xp.atanh
_bitwise_and: standard.bitwise_and[Array] = xp.bitwise_and
_bitwise_left_shift: standard.bitwise_left_shift[Array] = xp.bitwise_left_shift
_bitwise_invert: standard.bitwise_invert[Array] = xp.bitwise_invert
_bitwise_or: standard.bitwise_or[Array] = xp.bitwise_or
_bitwise_right_shift: standard.bitwise_right_shift[Array] = xp.bitwise_right_shift
_bitwise_xor: standard.bitwise_xor[Array] = xp.bitwise_xor
_ceil: standard.ceil[Array] = xp.ceil
_clip: standard.clip[Array] = xp.clip
_conj: standard.conj[Array] = xp.conj
_copysign: standard.copysign[Array] = xp.copysign
_cos: standard.cos[Array] = xp.cos
_cosh: standard.cosh[Array] = xp.cosh
_divide: standard.divide[Array] = xp.divide
_equal: standard.equal[Array] = xp.equal
_exp: standard.exp[Array] = xp.exp
_expm1: standard.expm1[Array] = xp.expm1
_floor: standard.floor[Array] = xp.floor
_floor_divide: standard.floor_divide[Array] = xp.floor_divide
_greater: standard.greater[Array] = xp.greater
_greater_equal: standard.greater_equal[Array] = xp.greater_equal
_hypot: standard.hypot[Array] = xp.hypot
_imag: standard.imag[Array] = xp.imag
_isfinite: standard.isfinite[Array] = xp.isfinite
_isinf: standard.isinf[Array] = xp.isinf
_isnan: standard.isnan[Array] = xp.isnan
_less: standard.less[Array] = xp.less
_less_equal: standard.less_equal[Array] = xp.less_equal
_log: standard.log[Array] = xp.log
_log1p: standard.log1p[Array] = xp.log1p
_log2: standard.log2[Array] = xp.log2
_log10: standard.log10[Array] = xp.log10
_logaddexp: standard.logaddexp[Array] = xp.logaddexp
_logical_and: standard.logical_and[Array] = xp.logical_and
_logical_not: standard.logical_not[Array] = xp.logical_not
_logical_or: standard.logical_or[Array] = xp.logical_or
_logical_xor: standard.logical_xor[Array] = xp.logical_xor
_maximum: standard.maximum[Array] = xp.maximum
_minimum: standard.minimum[Array] = xp.minimum
_multiply: standard.multiply[Array] = xp.multiply
_negative: standard.negative[Array] = xp.negative
_nextafter: standard.nextafter[Array] = xp.nextafter
_not_equal: standard.not_equal[Array] = xp.not_equal
_positive: standard.positive[Array] = xp.positive
_pow: standard.pow[Array] = xp.pow
_real: standard.real[Array] = xp.real
_reciprocal: standard.reciprocal[Array] = xp.reciprocal
_remainder: standard.remainder[Array] = xp.remainder
_round: standard.round[Array] = xp.round
_sign: standard.sign[Array] = xp.sign
_signbit: standard.signbit[Array] = xp.signbit
_sin: standard.sin[Array] = xp.sin
_sinh: standard.sinh[Array] = xp.sinh
_square: standard.square[Array] = xp.square
_sqrt: standard.sqrt[Array] = xp.sqrt
_subtract: standard.subtract[Array] = xp.subtract
_tan: standard.tan[Array] = xp.tan
_tanh: standard.tanh[Array] = xp.tanh
_trunc: standard.trunc[Array] = xp.trunc
_argmax: standard.argmax[Array] = xp.argmax
_argmin: standard.argmin[Array] = xp.argmin
_count_nonzero: standard.count_nonzero[Array] = xp.count_nonzero
_nonzero: standard.nonzero[Array] = xp.nonzero
_searchsorted: standard.searchsorted[Array] = xp.searchsorted
_where: standard.where[Array] = xp.where
_all: standard.all[Array] = xp.all
_any: standard.any[Array] = xp.any
_diff: standard.diff[Array] = xp.diff
_array_namespace_info: standard.__array_namespace_info__[Device] = xp.__array_namespace_info__  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # devices() gives a tuple since 2025.12, where the Protocol has a list
_take: standard.take[Array] = xp.take
_take_along_axis: standard.take_along_axis[Array] = xp.take_along_axis
_matmul: standard.matmul[Array] = xp.matmul
_matrix_transpose: standard.matrix_transpose[Array] = xp.matrix_transpose
_tensordot: standard.tensordot[Array] = xp.tensordot
_vecdot: standard.vecdot[Array] = xp.vecdot
_broadcast_arrays: standard.broadcast_arrays[Array] = xp.broadcast_arrays  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a tuple since 2025.12, where the Protocol has a list
_broadcast_to: standard.broadcast_to[Array] = xp.broadcast_to
_concat: standard.concat[Array] = xp.concat
_expand_dims: standard.expand_dims[Array] = xp.expand_dims  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # axis is a required int or tuple since 2025.12, where the Protocol has a keyword
_flip: standard.flip[Array] = xp.flip
_moveaxis: standard.moveaxis[Array] = xp.moveaxis
_permute_dims: standard.permute_dims[Array] = xp.permute_dims
_repeat: standard.repeat[Array] = xp.repeat
_reshape: standard.reshape[Array] = xp.reshape
_roll: standard.roll[Array] = xp.roll
_squeeze: standard.squeeze[Array] = xp.squeeze
_stack: standard.stack[Array] = xp.stack
_tile: standard.tile[Array] = xp.tile
_unstack: standard.unstack[Array] = xp.unstack
_e: float = xp.e
_inf: float = xp.inf
_nan: float = xp.nan
_newaxis: float = xp.newaxis  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # None, where the Protocol has float
_pi: float = xp.pi
_unique_all: standard.unique_all[Array] = xp.unique_all
_unique_counts: standard.unique_counts[Array] = xp.unique_counts
_unique_inverse: standard.unique_inverse[Array] = xp.unique_inverse
_unique_values: standard.unique_values[Array] = xp.unique_values
_bool: float = xp.bool  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_complex128: float = xp.complex128  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_complex64: float = xp.complex64  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_float32: float = xp.float32  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_float64: float = xp.float64  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_int16: float = xp.int16  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_int32: float = xp.int32  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_int64: float = xp.int64  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_int8: float = xp.int8  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_uint16: float = xp.uint16  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_uint32: float = xp.uint32  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_uint64: float = xp.uint64  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float
_uint8: float = xp.uint8  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # a data type, where the Protocol has float

# ---- the extensions

_linalg_cholesky: standard.cholesky[Array] = xp.linalg.cholesky
_linalg_cross: standard.cross[Array] = xp.linalg.cross
_linalg_det: standard.det[Array] = xp.linalg.det
_linalg_diagonal: standard.diagonal[Array] = xp.linalg.diagonal
_linalg_eigh: standard.eigh[Array] = xp.linalg.eigh
_linalg_eigvalsh: standard.eigvalsh[Array] = xp.linalg.eigvalsh
_linalg_inv: standard.inv[Array] = xp.linalg.inv
_linalg_matmul: standard.matmul[Array] = xp.linalg.matmul
_linalg_matrix_norm: standard.matrix_norm[Array] = xp.linalg.matrix_norm
_linalg_matrix_power: standard.matrix_power[Array] = xp.linalg.matrix_power
_linalg_matrix_rank: standard.matrix_rank[Array] = xp.linalg.matrix_rank
_linalg_matrix_transpose: standard.matrix_transpose[Array] = xp.linalg.matrix_transpose
_linalg_outer: standard.outer[Array] = xp.linalg.outer
_linalg_pinv: standard.pinv[Array] = xp.linalg.pinv
_linalg_qr: standard.qr[Array] = xp.linalg.qr
_linalg_slogdet: standard.slogdet[Array] = xp.linalg.slogdet
_linalg_solve: standard.solve[Array] = xp.linalg.solve
_linalg_svd: standard.svd[Array] = xp.linalg.svd
_linalg_svdvals: standard.svdvals[Array] = xp.linalg.svdvals
_linalg_tensordot: standard.tensordot[Array] = xp.linalg.tensordot
_linalg_trace: standard.trace[Array, DType] = xp.linalg.trace
_linalg_vecdot: standard.vecdot[Array] = xp.linalg.vecdot
_linalg_vector_norm: standard.vector_norm[Array] = xp.linalg.vector_norm

_fft_fft: standard.fft[Array] = xp.fft.fft
_fft_ifft: standard.ifft[Array] = xp.fft.ifft
_fft_fftn: standard.fftn[Array] = xp.fft.fftn
_fft_ifftn: standard.ifftn[Array] = xp.fft.ifftn
_fft_rfft: standard.rfft[Array] = xp.fft.rfft
_fft_irfft: standard.irfft[Array] = xp.fft.irfft
_fft_rfftn: standard.rfftn[Array] = xp.fft.rfftn
_fft_irfftn: standard.irfftn[Array] = xp.fft.irfftn
_fft_hfft: standard.hfft[Array] = xp.fft.hfft
_fft_ihfft: standard.ihfft[Array] = xp.fft.ihfft
_fft_fftfreq: standard.fftfreq[Array, DType, Device] = xp.fft.fftfreq
_fft_rfftfreq: standard.rfftfreq[Array, DType, Device] = xp.fft.rfftfreq
_fft_fftshift: standard.fftshift[Array] = xp.fft.fftshift
_fft_ifftshift: standard.ifftshift[Array] = xp.fft.ifftshift
