"""Which budget each function has."""

from __future__ import annotations

from typing import Final

from benchmarks.budgets import elements, indexing, products, queries
from benchmarks.budgets.problem import Formula

LOCAL: Final = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_invert", "ceil", "conj", "cos", "cosh",
    "exp", "expm1", "floor", "imag", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2",
    "logical_not", "negative", "positive", "real", "reciprocal", "round", "sign", "signbit", "sin", "sinh",
    "sqrt", "square", "tan", "tanh", "trunc", "empty", "empty_like", "from_dlpack", "full", "full_like",
    "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like", "astype", "can_cast", "finfo",
    "iinfo", "isdtype", "result_type", "broadcast_shapes", "expand_dims", "moveaxis", "permute_dims",
    "matrix_transpose", "linalg.diagonal", "to_local", "__array_namespace_info__",
]  # fmt: skip

MADE: Final = [
    "arange", "asarray", "eye", "linspace", "fft.fftfreq", "fft.rfftfreq",
]  # fmt: skip

MEETING: Final = [
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "clip", "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal", "hypot", "less",
    "less_equal", "logaddexp", "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "multiply",
    "nextafter", "not_equal", "pow", "remainder", "subtract", "where",
]  # fmt: skip

TRANSFORMS: Final = [
    "fft", "fftn", "hfft", "ifft", "ifftn", "ihfft", "irfft", "irfftn", "rfft", "rfftn",
]  # fmt: skip

BUDGETS: Final[dict[str, Formula]] = {
    **dict.fromkeys(LOCAL, elements.NONE),
    **dict.fromkeys(MADE, elements.MAKE),
    **dict.fromkeys(MEETING, elements.MEET),
    **dict.fromkeys(["all", "any", "count_nonzero", "max", "min"], elements.REDUCE),
    **dict.fromkeys(["prod", "sum"], elements.ACCUMULATE),
    **dict.fromkeys(["linalg.trace", "linalg.vector_norm"], elements.NORM),
    "mean": elements.MEAN,
    **dict.fromkeys(["std", "var"], elements.MOMENTS),
    **dict.fromkeys(["argmax", "argmin"], elements.POSITION),
    **dict.fromkeys(["cumulative_prod", "cumulative_sum"], elements.SCAN),
    "diff": elements.DIFFERENCE,
    **dict.fromkeys(["flip", "fft.fftshift", "fft.ifftshift"], elements.MOVE),
    "roll": elements.ROLL,
    "tile": elements.TILE,
    "reshape": elements.RESHAPE,
    "concat": elements.JOIN,
    "stack": elements.STACK,
    "repeat": elements.REPEAT,
    **dict.fromkeys(["squeeze", "unstack"], elements.LEAVE_AXIS),
    **dict.fromkeys(["broadcast_arrays", "broadcast_to"], elements.STRETCH),
    "repartition": elements.REPARTITION,
    "from_local": elements.DESCRIBE,
    "from_callback": elements.AGREE,
    "sort": queries.SORT,
    "argsort": queries.ARGSORT,
    "unique_values": queries.UNIQUE,
    "unique_counts": queries.UNIQUE_COUNTS,
    "unique_inverse": queries.UNIQUE_INVERSE,
    "unique_all": queries.UNIQUE_ALL,
    "searchsorted": queries.SEARCH,
    "isin": queries.MEMBER,
    **dict.fromkeys(["take", "take_along_axis"], indexing.TAKE),
    "nonzero": indexing.FIND,
    **dict.fromkeys(["linalg.outer", "matmul", "tensordot", "vecdot"], products.PRODUCT),
    "linalg.cross": products.CROSS,
    "linalg.cholesky": products.CHOLESKY,
    **dict.fromkeys(["linalg.det", "linalg.slogdet"], products.DETERMINANT),
    "linalg.inv": products.INVERSE,
    "linalg.solve": products.SOLVE,
    "linalg.qr": products.QR,
    **dict.fromkeys(["linalg.eig", "linalg.eigh", "linalg.eigvals", "linalg.eigvalsh"], products.SPECTRUM),
    "linalg.svd": products.SVD,
    **dict.fromkeys(["linalg.svdvals", "linalg.matrix_rank"], products.SVDVALS),
    "linalg.pinv": products.PINV,
    "linalg.matrix_power": products.POWER,
    "linalg.matrix_norm": products.MATRIX_NORM,
    **dict.fromkeys([f"fft.{name}" for name in TRANSFORMS], products.TRANSFORM),
}
"""The functions, by the names that ``trace()`` gives them."""

OPERATORS: Final[dict[str, str]] = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
"""The operators that also come reflected and in place, and their functions."""

LOOKING: Final = [
    "__bool__", "__complex__", "__copy__", "__deepcopy__", "__float__", "__index__", "__int__", "__iter__",
    "__len__", "__reduce__", "__repr__", "_repr_html_", "__array_namespace__", "__dlpack_device__", "T", "mT", "__abs__",
    "__invert__", "__neg__", "__pos__",
]  # fmt: skip

METHODS: Final[dict[str, Formula]] = {
    **dict.fromkeys(LOOKING, elements.NONE),
    **{f"__{name}__": elements.MEET for name in (*OPERATORS, "eq", "ne", "lt", "le", "gt", "ge")},
    **{f"__r{name}__": elements.MEET for name in OPERATORS},
    **{f"__i{name}__": elements.UPDATE for name in OPERATORS},
    **dict.fromkeys(["__matmul__", "__rmatmul__"], products.PRODUCT),
    "__imatmul__": products.UPDATED_PRODUCT,
    "__getitem__": indexing.GETITEM,
    "__setitem__": indexing.SETITEM,
    **dict.fromkeys(["__array__", "__dlpack__"], elements.REPLICATE),
    "to_device": elements.TO_DEVICE,
}
"""The methods, operators and computed attributes of an array."""
