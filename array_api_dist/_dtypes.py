"""The standard's data types, their kinds, and the one promotion table.

Pure tables: this module knows neither torch nor MPI.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["bool", "signed", "unsigned", "real", "complex"]
Scalar: TypeAlias = builtins.bool | int | float | complex


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DType:
    """One of the standard's data types: opaque, hashable, equal only to itself."""

    name: str
    kind: Kind
    bits: int

    def __repr__(self) -> str:
        return f"array_api_dist.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return dtype_named, (self.name,)

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: object) -> DType:
        return self

    @property
    def nbytes(self) -> int:
        """Bytes of one element."""
        return max(self.bits // 8, 1)


bool: Final = DType("bool", "bool", 8)
int8: Final = DType("int8", "signed", 8)
int16: Final = DType("int16", "signed", 16)
int32: Final = DType("int32", "signed", 32)
int64: Final = DType("int64", "signed", 64)
uint8: Final = DType("uint8", "unsigned", 8)
uint16: Final = DType("uint16", "unsigned", 16)
uint32: Final = DType("uint32", "unsigned", 32)
uint64: Final = DType("uint64", "unsigned", 64)
float32: Final = DType("float32", "real", 32)
float64: Final = DType("float64", "real", 64)
complex64: Final = DType("complex64", "complex", 64)
complex128: Final = DType("complex128", "complex", 128)

BOOLEAN: Final = frozenset({bool})
SIGNED: Final = frozenset({int8, int16, int32, int64})
UNSIGNED: Final = frozenset({uint8, uint16, uint32, uint64})
INTEGER: Final = SIGNED | UNSIGNED
INTEGER_OR_BOOLEAN: Final = INTEGER | BOOLEAN
REAL_FLOATING: Final = frozenset({float32, float64})
COMPLEX_FLOATING: Final = frozenset({complex64, complex128})
FLOATING: Final = REAL_FLOATING | COMPLEX_FLOATING
REAL: Final = INTEGER | REAL_FLOATING
NUMERIC: Final = REAL | COMPLEX_FLOATING
ALL: Final = NUMERIC | BOOLEAN

# In the standard's order, which __array_namespace_info__().dtypes() keeps.
DTYPES: Final[tuple[DType, ...]] = (
    bool,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    float32,
    float64,
    complex64,
    complex128,
)
_BY_NAME: Final = {dtype.name: dtype for dtype in DTYPES}

# The names that isdtype and dtypes() take.
KINDS: Final[dict[str, frozenset[DType]]] = {
    "bool": BOOLEAN,
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": INTEGER,
    "real floating": REAL_FLOATING,
    "complex floating": COMPLEX_FLOATING,
    "numeric": NUMERIC,
}

# How the error messages call a set of data types.
CATEGORY_NAMES: Final[dict[frozenset[DType], str]] = {
    ALL: "any",
    BOOLEAN: "boolean",
    INTEGER: "integer",
    INTEGER_OR_BOOLEAN: "integer or boolean",
    REAL: "real-valued",
    REAL_FLOATING: "real floating-point",
    COMPLEX_FLOATING: "complex floating-point",
    FLOATING: "floating-point",
    NUMERIC: "numeric",
}

DEFAULT_FLOAT: Final = float64
DEFAULT_COMPLEX: Final = complex128
DEFAULT_INTEGER: Final = int64
INDEX: Final = int64


def dtype_named(name: str) -> DType:
    """Return the data type called ``name``."""
    return _BY_NAME[name]


def real_of(dtype: DType) -> DType:
    """Return the data type of the real part of ``dtype``."""
    if dtype is complex64:
        return float32
    if dtype is complex128:
        return float64
    return dtype


def complex_of(dtype: DType) -> DType:
    """Return the complex data type whose parts have the precision of ``dtype``."""
    return complex64 if dtype in (float32, complex64) else complex128


def _integer(kind: Kind, bits: int) -> DType:
    return _BY_NAME[f"{'u' if kind == 'unsigned' else ''}int{bits}"]


def _promote_integers(left: DType, right: DType) -> DType | None:
    if left.kind == right.kind:
        return left if left.bits >= right.bits else right
    signed, unsigned = (left, right) if left.kind == "signed" else (right, left)
    bits = max(signed.bits, 2 * unsigned.bits)
    return _integer("signed", bits) if bits <= 64 else None


def _promote_floating(left: DType, right: DType) -> DType:
    # A complex64 holds two float32: the precision is that of the parts.
    precision = max(real_of(left).bits, real_of(right).bits)
    real = float64 if precision == 64 else float32
    return complex_of(real) if "complex" in (left.kind, right.kind) else real


def _promote(left: DType, right: DType) -> DType | None:
    if left is right:
        return left
    if left in INTEGER and right in INTEGER:
        return _promote_integers(left, right)
    if left in FLOATING and right in FLOATING:
        return _promote_floating(left, right)
    return None


PROMOTIONS: Final[dict[tuple[DType, DType], DType]] = {
    (left, right): result
    for left in DTYPES
    for right in DTYPES
    if (result := _promote(left, right)) is not None
}


def promote(left: DType, right: DType, *, mixed: builtins.bool = False) -> DType:
    """Return the data type that the standard's promotion table gives ``left`` and ``right``.

    With ``mixed`` an integer and a floating data type meet as well: the floating one wins.

    Raises
    ------
    TypeError
        If the standard leaves the promotion undefined.
    """
    result = PROMOTIONS.get((left, right))
    if result is not None:
        return result
    if mixed and left in NUMERIC and right in NUMERIC:
        if left in INTEGER and right in INTEGER:
            return DEFAULT_FLOAT  # uint64 with a signed integer, as NumPy has it
        return left if left in FLOATING else right
    raise TypeError(
        f"the standard does not promote {left} with {right}: convert one with astype(), "
        f"for instance x.astype({left if left in FLOATING else right})"
        + (
            ", or allow it with array_api_dist.promotion.mixed_kinds()"
            if left in NUMERIC and right in NUMERIC
            else ""
        )
    )


def promote_all(dtypes: tuple[DType, ...], *, mixed: builtins.bool = False) -> DType:
    """Return the common data type of one or more ``dtypes``."""
    result = dtypes[0]
    for dtype in dtypes[1:]:
        result = promote(result, dtype, mixed=mixed)
    return result


def dtype_of_scalar(scalar: Scalar) -> DType:
    """Return the default data type of a Python scalar."""
    if isinstance(scalar, builtins.bool):
        return bool
    if isinstance(scalar, int):
        return DEFAULT_INTEGER
    if isinstance(scalar, float):
        return DEFAULT_FLOAT
    return DEFAULT_COMPLEX


def promote_scalar(dtype: DType, scalar: Scalar, *, mixed: builtins.bool = False) -> DType:
    """Return the data type in which an array of ``dtype`` meets the Python ``scalar``.

    Raises
    ------
    TypeError
        If the standard leaves the combination undefined.
    """
    if isinstance(scalar, builtins.bool):
        allowed = dtype is bool
    elif isinstance(scalar, int):
        allowed = dtype in NUMERIC
    elif isinstance(scalar, float):
        allowed = dtype in FLOATING
    elif isinstance(scalar, complex):
        if dtype in REAL_FLOATING:
            return complex_of(dtype)
        allowed = dtype in COMPLEX_FLOATING
    else:
        raise TypeError(
            "an operand must be an array or a Python bool, int, float or complex, "
            f"got {type(scalar).__name__}"
        )
    if allowed:
        return dtype
    if mixed and dtype in INTEGER and isinstance(scalar, (float, complex)):
        return DEFAULT_FLOAT if isinstance(scalar, float) else DEFAULT_COMPLEX
    raise TypeError(
        f"a Python {type(scalar).__name__} does not promote to the data type of the array, {dtype}: "
        "convert the array with astype() first"
    )


def category_name(dtypes: frozenset[DType]) -> str:
    """Return how error messages call the set ``dtypes``."""
    return CATEGORY_NAMES.get(dtypes) or ", ".join(d.name for d in DTYPES if d in dtypes)


def is_complex(dtype: DType) -> builtins.bool:
    """Return whether ``dtype`` is complex."""
    return dtype.kind == "complex"


def integer_limits(dtype: DType) -> tuple[int, int]:
    """Return the least and the greatest value of an integer data type."""
    if dtype.kind == "unsigned":
        return 0, 2**dtype.bits - 1
    return -(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1
