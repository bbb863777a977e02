"""Distances agree with SciPy's in every namespace."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.spatial.distance
from array_api_compat import array_namespace
from spaces import RANKS, Space, host

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.collectives.memory import PeakMeter
from array_api_dist.partition import default_partition, repartition
from array_api_dist.trace import trace
from array_api_dist_ml import _metrics, distances

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(17, 3))
Y = RANDOM.normal(size=(11, 3)) + 0.5


def reference(x: npt.NDArray[Any], y: npt.NDArray[Any], metric: str) -> npt.NDArray[Any]:
    if metric == "rbf":
        found = np.exp(-0.7 * scipy.spatial.distance.cdist(x, y, "sqeuclidean"))
    elif metric == "minkowski":
        found = scipy.spatial.distance.cdist(x, y, metric, p=3.0)
    else:
        found = scipy.spatial.distance.cdist(x, y, {"manhattan": "cityblock"}.get(metric, metric))
    return np.asarray(found)


@pytest.fixture(params=["one block", "many blocks", "features outside"])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many blocks":
        monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 60)
        monkeypatch.setattr(distances, "TILE_BYTES", 8 * 40)
        monkeypatch.setattr(distances, "WIDTH", 7)
    if request.param != "one block":
        # So that few rows are enough to run along memory.
        monkeypatch.setattr(_metrics, "NARROW", 5)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("metric", _metrics.METRICS)
@pytest.mark.parametrize("precise", [False, True])
def test_distances_are_scipys(space: Space, metric: str, precise: bool) -> None:
    for x, y in ((X, Y), (Y, X)):
        found = ml.cdist(space.array(x), space.array(y), metric, p=3.0, gamma=0.7, precise=precise)
        np.testing.assert_allclose(host(found), reference(x, y, metric), rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("metric", _metrics.METRICS)
def test_a_row_is_at_no_distance_from_itself(space: Space, metric: str) -> None:
    found = host(ml.cdist(space.array(X + 1e3), metric=metric, p=3.0, gamma=0.7))
    assert (found.diagonal() == (1.0 if metric == "rbf" else 0.0)).all()
    np.testing.assert_allclose(found, reference(X + 1e3, X + 1e3, metric), rtol=1e-3, atol=1e-8)


def test_the_expansion_gives_neither_nan_nor_negative_values(space: Space) -> None:
    near = np.repeat(X[:1] + 1e8, 6, axis=0) + 1e-9 * RANDOM.normal(size=(6, 3))
    for metric in ("euclidean", "sqeuclidean", "cosine"):
        found = host(ml.cdist(space.array(near), space.array(near[::-1]), metric))
        assert (found >= 0.0).all()


def test_a_row_of_zeros_is_at_cosine_distance_one(space: Space) -> None:
    found = ml.cdist(space.array(np.zeros((2, 3))), space.array(Y), "cosine")
    np.testing.assert_array_equal(host(found), 1.0)


@pytest.mark.usefixtures("_blocks")
def test_a_callable_gets_arrays_of_the_namespace(space: Space) -> None:
    def canberra(a: Any, b: Any) -> Any:
        of = space.xp
        return of.sum(of.abs(a - b) / (of.abs(a) + of.abs(b)), axis=2)

    found = ml.cdist(space.array(X), space.array(Y), canberra)
    np.testing.assert_allclose(host(found), scipy.spatial.distance.cdist(X, Y, "canberra"), rtol=1e-12)


def _unlike(a: Any, b: Any) -> Any:
    xp = array_namespace(a)
    return xp.count_nonzero(a != b, axis=2)


def _unequal(a: Any, b: Any) -> Any:
    return array_namespace(a).any(a != b, axis=2)


def _in_double_precision(a: Any, b: Any) -> Any:
    xp = array_namespace(a)
    return xp.astype(xp.sum(xp.abs(a - b), axis=2), xp.float64)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("metric", [_unlike, _unequal, _in_double_precision])
def test_a_callable_may_give_any_data_type(space: Space, metric: _metrics.Metric, dtype: str) -> None:
    x, y = (np.round(values).astype(dtype) for values in (X, Y))
    expected = np.asarray(metric(x[:, None, :], y[None, :, :]), dtype)
    found = ml.cdist(space.array(x), space.array(y), metric)
    assert found.dtype == getattr(space.xp, dtype)
    np.testing.assert_array_equal(host(found), expected)
    for k in (1, 3, 9):
        distances, indices = ml.nearest(space.array(x), space.array(y), k, metric)
        order = np.argsort(expected, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(host(indices), order)
        np.testing.assert_array_equal(host(distances), np.take_along_axis(expected, order, axis=1))


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("k", [1, 3, 9, 11])
def test_a_distance_that_is_nan_comes_last(space: Space, k: int) -> None:
    def of_even_sum(a: Any, b: Any) -> Any:
        xp = array_namespace(a)
        sums = xp.abs(xp.sum(a, axis=2) + xp.sum(b, axis=2))
        return xp.where(sums % 2.0 == 0.0, sums, xp.asarray(np.nan, dtype=sums.dtype))

    x, y = (np.round(3.0 * values) for values in (X, Y))
    expected = np.asarray(of_even_sum(x[:, None, :], y[None, :, :]))
    order = np.argsort(expected, axis=1, kind="stable")[:, :k]
    distances, indices = ml.nearest(space.array(x), space.array(y), k, of_even_sum)
    np.testing.assert_array_equal(host(indices), order)
    np.testing.assert_array_equal(host(distances), np.take_along_axis(expected, order, axis=1))


def test_a_callable_gives_a_number_for_each_pair(space: Space) -> None:
    for act in (ml.cdist, lambda x, y, metric: ml.nearest(x, y, 2, metric)):
        with pytest.raises(
            ValueError, match=r"metric must return an array of shape \(17, 11\), got \(17, 1, 3\)"
        ):
            act(space.array(X), space.array(Y), lambda a, _b: a)


def test_data_types_meet(space: Space) -> None:
    single = ml.cdist(space.array(X.astype("float32")), space.array(Y.astype("float32")))
    assert single.dtype == space.xp.float32
    whole = ml.cdist(space.array(np.arange(6).reshape(2, 3)), space.array(Y))
    assert whole.dtype == space.xp.float64


def test_no_rows_have_no_distances(space: Space) -> None:
    assert ml.cdist(space.array(np.ones((0, 3))), space.array(Y)).shape == (0, 11)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("k", [1, 3, 9, 11])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_the_nearest_rows_are_those_of_the_whole_matrix(space: Space, k: int, metric: str) -> None:
    found, indices = ml.nearest(space.array(X), space.array(Y), k, metric)
    whole = reference(X, Y, metric)
    expected = np.argsort(whole, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(host(indices), expected)
    np.testing.assert_allclose(host(found), np.take_along_axis(whole, expected, axis=1), rtol=1e-9)


@pytest.mark.usefixtures("_blocks")
def test_of_equally_near_rows_the_first_comes_first(space: Space) -> None:
    same = np.zeros((9, 2))
    _, indices = ml.nearest(space.array(np.ones((2, 2))), space.array(same), 4)
    assert host(indices).tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_no_row_is_near_twice_where_distances_are_infinite(space: Space, k: int) -> None:
    far = np.asarray([[1e7, 1.0], [2e7, 0.0], [1.0, 0.0], [3e7, 0.0], [0.5, 0.0], *([[4e7, 0.0]] * 6)])
    with np.errstate(over="ignore"):
        distances, indices = ml.nearest(
            space.array(np.zeros((2, 2))), space.array(far), k, "minkowski", p=50.0
        )
    assert host(indices).tolist() == [[4, 2, 0, 1, 3, 5, 6, 7, 8, 9][:k]] * 2
    assert np.isinf(host(distances)[:, 2:]).all()


@pytest.mark.parametrize(("dtype", "scale"), [("float64", 1e154), ("float32", 1e19)])
def test_squares_that_overflow_together_are_not_zero(space: Space, dtype: str, scale: float) -> None:
    x, y = (np.asarray(values, dtype) * np.asarray(scale, dtype) for values in ([[1.2]], [[1.1], [0.5]]))
    for first, second in ((x, y), (y, x)):
        found = host(ml.cdist(space.array(first), space.array(second))).ravel()
        np.testing.assert_allclose(found / scale, [0.1, 0.7], rtol=1e-5)


def test_unfit_arguments_are_told(space: Space) -> None:
    x, y = space.array(X), space.array(Y)
    with pytest.raises(ValueError, match=r"The 'metric' parameter must be one of .* Got 'hamming' instead"):
        ml.cdist(x, y, "hamming")
    with pytest.raises(ValueError, match=r"x.shape\[1\] == 3 while y.shape\[1\] == 2"):
        ml.cdist(x, y[:, :2])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array instead"):
        ml.cdist(x[0, :], y)
    for p in (0.5, np.inf):
        with pytest.raises(ValueError, match="'p' parameter"):
            ml.cdist(x, y, "minkowski", p=p)
    for bad, what in ((np.nan, "NaN"), (np.inf, "infinity")):
        with pytest.raises(ValueError, match=f"Input x contains {what}"):
            ml.cdist(space.array(np.where(X > 1, bad, X)), y)
        with pytest.raises(ValueError, match=f"Input y contains {what}"):
            ml.nearest(x, space.array(np.where(Y > 1, bad, Y)), 2)
    with pytest.raises(ValueError, match=r"Found array with 0 feature\(s\)"):
        ml.cdist(x[:, :0])
    with pytest.raises(ValueError, match="'gamma' parameter"):
        ml.cdist(x, y, "rbf", gamma=0.0)
    with pytest.raises(ValueError, match=r"'k' parameter .* Got 12 instead"):
        ml.nearest(x, y, 12)
    with pytest.raises(ValueError, match="'rbf' is not"):
        ml.nearest(x, y, 2, "rbf")


@pytest.mark.parametrize("precise", [False, True])
def test_squares_that_overflow_make_no_nan(space: Space, precise: bool) -> None:
    x = np.asarray([[1e200, 2e200], [-1e200, 2e200], [1.0, 0.0]])
    # NumPy tells of squares that are infinite.
    with np.errstate(over="ignore"):
        for metric in ("euclidean", "sqeuclidean", "cosine", "rbf"):
            found = host(ml.cdist(space.array(x), space.array(x), metric, precise=precise))
            assert not np.isnan(found).any()
    lengths = np.max(np.abs(x), axis=1, keepdims=True)
    angles = host(ml.cdist(space.array(x), metric="cosine"))
    np.testing.assert_allclose(angles, reference(x / lengths, x / lengths, "cosine"), atol=1e-12)


def _tables(name: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    x, y = RANDOM.normal(size=(150, 7)), RANDOM.normal(size=(110, 7))
    if name == "far from the origin":
        return x + 1e6, y + 1e6
    if name == "integers":
        return np.round(50.0 * x), np.round(50.0 * y)
    if name == "an outlier":
        x[3] *= 1e8
    if name == "clusters":
        x += np.repeat(1e4 * RANDOM.normal(size=(3, 7)), 50, axis=0)
    if name == "near rows":
        x[90:95], x[20] = x[5:10], x[21] + 1e-9
        y[3:7], y[8] = x[61:65], x[66] + 1e-7
    if name == "equal rows":
        x[:], y[:] = x[0], x[0]
    return x, y


TABLES = {
    "as drawn": "products", "far from the origin": "products", "integers": "products", "near rows": "products",
    "an outlier": "differences", "clusters": None, "equal rows": "differences",
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("are_many", [False, True])
def test_precise_distances_are_right_to_the_last_digits(
    space: Space, name: str, dtype: str, are_many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "MEETINGS", 1)
    if are_many:
        monkeypatch.setattr(distances, "TILE_BYTES", 8 * 1500)
        monkeypatch.setattr(distances, "WIDTH", 60)
    ways = {"products": distances._Meeting.products, "differences": distances._Meeting.blocks}
    taken: list[str] = []

    def recorded(way: str) -> Any:
        def method(*args: Any, **options: Any) -> Any:
            taken.append(way)
            return ways[way](*args, **options)

        return method

    monkeypatch.setattr(distances._Meeting, "products", recorded("products"))
    monkeypatch.setattr(distances._Meeting, "blocks", recorded("differences"))
    x, y = (values.astype(dtype) for values in _tables(name))
    for a, b in ((x, y), (y, x), (x, x)):
        found = host(ml.cdist(space.array(a), None if b is a else space.array(b), precise=True))
        assert found.dtype == dtype
        differences = a.astype(np.longdouble)[:, None, :] - b.astype(np.longdouble)
        wanted = np.sqrt(np.sum(differences**2, axis=2))
        np.testing.assert_allclose(found, wanted, rtol=4 * np.finfo(dtype).eps, atol=0)
        if b is not x and TABLES[name] is not None:
            assert taken[-1] == TABLES[name]


def test_squares_beyond_range_are_no_products(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "MEETINGS", 1)
    x = RANDOM.normal(size=(70, 6))
    for scale in (1e-170, 1e200):
        with np.errstate(over="ignore"):
            found = host(ml.cdist(space.array(x * scale), precise=True))
            differences = (x * scale)[:, None, :] - x * scale
            np.testing.assert_array_equal(found, np.sqrt(np.sum(differences**2, axis=2)))


@pytest.mark.parametrize("metric", ["euclidean", "precise", "manhattan"])
@pytest.mark.parametrize("of_x", [0, 1, None])
@pytest.mark.parametrize("of_y", [0, 1, None])
def test_every_rank_gets_the_operand_that_passes_once(
    metric: str, of_x: int | None, of_y: int | None
) -> None:
    is_precise, metric = metric == "precise", metric.replace("precise", "euclidean")
    long, short = RANDOM.normal(size=(3000, 6)), RANDOM.normal(size=(500, 6))
    x, y = repartition(xp.asarray(long), of_x), repartition(xp.asarray(short), of_y)
    with trace() as taken:
        found = ml.cdist(x, y, metric, precise=is_precise)
    stays_as_x = of_x == 0 or of_y != 0
    moved, stayed = (short, long) if stays_as_x else (long, short)
    # Beside it: the operand that stays, where it is not laid by rows yet, the extremes of features and a few numbers.
    allowed = moved.nbytes + (0 if 0 in (of_x, of_y) else stayed.nbytes // RANKS) + 200
    allowed += 4 * RANKS * short[0].nbytes * is_precise
    assert taken.totals.bytes_received <= allowed
    assert found.partition.axis == (0 if stays_as_x else 1)
    np.testing.assert_allclose(host(found), reference(long, short, metric), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "precise", "manhattan", "cosine"])
@pytest.mark.usefixtures("host_memory")
def test_beside_the_result_there_is_one_bounded_block(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "BLOCK_ELEMENTS", 1 << 15)
    monkeypatch.setattr(distances, "TILE_BYTES", 8 << 15)
    is_precise, metric = metric == "precise", metric.replace("precise", "euclidean")
    with default_partition("first"):
        x, y = xp.asarray(RANDOM.normal(size=(4000, 5))), xp.asarray(RANDOM.normal(size=(700, 5)))
    meter = PeakMeter()
    meter.start()
    found = ml.cdist(x, y, metric, precise=is_precise)
    peak = meter.stop()
    assert peak is not None
    # A few temporaries of a block, and vectors of norms.
    assert peak <= 8 * prod(found.shape) // RANKS + 6 * 8 * (1 << 15) + 8 * 4000


def test_the_nearest_of_many_rows_are_found_where_those_lie() -> None:
    with default_partition("first"):
        many = xp.asarray(RANDOM.normal(size=(5000, 4)))
    few = xp.asarray(RANDOM.normal(size=(6, 4)))
    with trace() as taken:
        _, indices = ml.nearest(few, many, 3)
    expected = np.argsort(reference(host(few), host(many), "euclidean"), axis=1)[:, :3]
    np.testing.assert_array_equal(host(indices), expected)
    assert taken.totals.bytes_received < host(many).nbytes / 8
    copies, parts = repartition(many, None), repartition(few, 0)
    with trace() as taken:
        ml.nearest(many, few, 3)
        ml.nearest(copies, parts, 3)
    assert taken.totals.bytes_received <= 2 * host(few).nbytes + 200


def test_what_is_no_array_is_told_and_no_rows_have_no_neighbours(space: Space) -> None:
    x = space.array(np.ones((4, 3)))
    for act in (lambda: ml.cdist(None), lambda: ml.nearest(None, x, 1), lambda: ml.nearest(x, None, 1)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="array"):
            act()
    for metric in _metrics.METRICS:
        if metric != "rbf":
            distances, indices = ml.nearest(x[:0, :], x, 2, metric, precise=True)
            assert distances.shape == indices.shape == (0, 2)
