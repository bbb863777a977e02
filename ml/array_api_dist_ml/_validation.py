"""Input in scikit-learn's manner: NumPy and array-likes by scikit-learn itself, arrays of other namespaces here."""

from __future__ import annotations

import warnings
from cmath import isfinite
from numbers import Real
from typing import Any, Final, cast

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import validation

from array_api_dist_ml._namespace import Array, array_namespace, as_float, device, is_foreign, moved, on_host

# scikit-learn is not typed; what a type checker infers is wrong.
_sklearn: Final[Any] = validation


def check_finite(x: Array, name: str) -> None:
    """Raise scikit-learn's ValueError if ``x`` holds a NaN or an infinity.

    Communication: one sum (and one more reduction when that is not finite).
    """
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, ("real floating", "complex floating")):
        return
    if isfinite(complex(xp.sum(x))) or bool(xp.all(xp.isfinite(x))):
        return
    what = "NaN" if bool(xp.any(xp.isnan(x))) else f"infinity or a value too large for {x.dtype!r}"
    raise ValueError(f"Input {name} contains {what}.")


def check_kind(x: Array, name: str) -> None:
    """Raise ValueError if ``x`` is complex."""
    if array_namespace(x).isdtype(x.dtype, "complex floating"):
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}")


def _check_rows(x: Array, name: str, min_rows: int, owner: str) -> None:
    if x.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {x.ndim}D array instead: {name} has shape {tuple(x.shape)}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single feature or "
            "array.reshape(1, -1) if it contains a single sample."
        )
    rows, columns = x.shape
    if rows < min_rows:
        raise ValueError(
            f"Found array with {rows} sample(s) (shape={tuple(x.shape)}) while a minimum of {min_rows} is "
            f"required by {owner}."
        )
    if columns < 1:
        raise ValueError(
            f"Found array with {columns} feature(s) (shape={tuple(x.shape)}) while a minimum of 1 is "
            f"required by {owner}."
        )


def checked_table(estimator: Any, X: object, *, reset: bool, min_rows: int = 1) -> Array:
    """Return ``X`` as a 2-D array of finite real floating numbers, with ``n_features_in_`` set or compared.

    Raises
    ------
    ValueError
        On every rank, if ``X`` has another number of axes, too few rows, another number of columns than
        in ``fit``, complex numbers, NaNs or infinities.
    """
    if not is_foreign(X):
        return _sklearn.validate_data(  # type: ignore[no-any-return]  # scikit-learn is not typed
            estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_min_samples=min_rows
        )
    owner = type(estimator).__name__
    table: Any = X
    check_kind(table, "X")
    _check_rows(table, "X", min_rows, owner)
    table = as_float(array_namespace(table), table)
    check_finite(table, "X")
    if reset:
        estimator.n_features_in_ = table.shape[1]
        # Columns of arrays have no names; those of an earlier fit are not theirs.
        vars(estimator).pop("feature_names_in_", None)
    elif table.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {table.shape[1]} features, but {owner} is expecting {estimator.n_features_in_} "
            "features as input."
        )
    return table  # type: ignore[no-any-return]  # checked above


def checked_pair(estimator: Any, X: object, y: object) -> tuple[Array, Array]:
    """Return ``X`` as ``checked_table`` does and ``y`` as a vector of as many numbers in X's dtype.

    Raises
    ------
    ValueError
        On every rank, if either is unfit or their lengths differ.
    """
    if not is_foreign(X):
        y = on_host(cast("Any", y)) if is_foreign(y) else y
        table, target = _sklearn.validate_data(
            estimator, X, y, reset=True, dtype=[np.float64, np.float32], y_numeric=True
        )
        return table, target.astype(table.dtype, copy=False)
    table = checked_table(estimator, X, reset=True)
    return table, checked_target(estimator, y, table)


def checked_target(estimator: Any, y: object, table: Array) -> Array:
    """Return ``y`` as a vector of one finite number for each row of ``table``, beside it.

    Raises
    ------
    ValueError
        On every rank, if it is something else.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None"
        )
    target = beside(y, table, "y")
    if target.ndim == 2 and target.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. "
            "Please change the shape of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
        target = target[:, 0]
    if target.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {tuple(target.shape)} instead.")
    if table.shape[0] != target.shape[0]:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{table.shape[0]}, {target.shape[0]}]"
        )
    check_finite(target, "y")
    return target


def beside(values: object, table: Array, name: str) -> Array:
    """Return ``values`` in the namespace and data type of ``table``, and on its device: everything follows X.

    Communication: where they come from another namespace or device, what it takes to read them there.
    """
    xp, given = array_namespace(table), cast("Any", values)
    if is_foreign(values):
        check_kind(given, name)
    if is_foreign(values) and array_namespace(given) is xp:
        return xp.astype(moved(given, device(table)), table.dtype, copy=False)
    host = on_host(given) if is_foreign(values) else values
    host = _sklearn.check_array(host, ensure_2d=False, dtype=np.float64, input_name=name)
    if not is_foreign(table):
        return host.astype(table.dtype, copy=False)  # type: ignore[no-any-return]  # scikit-learn is not typed
    return xp.asarray(host, dtype=table.dtype, device=device(table))


def check_same_namespace(estimator: Any, table: Array, fitted: Array, method: str) -> None:
    """Raise scikit-learn's ValueError unless ``table`` is of the namespace, and on the device, of a ``fitted`` array."""
    seen, known = (array_namespace(each) for each in (table, fitted))
    if seen is known and device(table) == device(fitted):
        return
    what = (
        f"namespaces used during fit ({known.__name__}) and {method} ({seen.__name__})"
        if seen is not known
        else f"devices used during fit ({device(fitted)}) and {method} ({device(table)})"
    )
    raise ValueError(
        f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace and the same device as "
        f"those passed to fit(). Array {what} differ."
    )


def checked_weights(sample_weight: object, table: Array) -> Array | None:
    """Return ``sample_weight`` as a vector beside ``table``, or None.

    Raises
    ------
    ValueError
        On every rank, if its length is not that of ``table``, or a weight is negative or not finite, or all are 0.
    """
    if sample_weight is None:
        return None
    xp = array_namespace(table)
    rows = table.shape[0]
    if isinstance(sample_weight, Real):
        sample_weight = xp.full(rows, float(sample_weight), dtype=table.dtype, device=device(table))
    weights = beside(sample_weight, table, "sample_weight")
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    if weights.shape[0] != rows:
        raise ValueError(f"sample_weight.shape == {tuple(weights.shape)}, expected {(rows,)}!")
    check_finite(weights, "sample_weight")
    if bool(xp.any(weights < 0)):
        raise ValueError(
            "Negative values in data passed to `sample_weight`: each weight must lie in [0, inf), "
            f"got {float(xp.min(weights))}"
        )
    if not bool(xp.any(weights > 0)):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights
