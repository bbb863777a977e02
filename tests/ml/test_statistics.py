"""Statistics agree with NumPy's and SciPy's in every namespace."""

from __future__ import annotations

import warnings

import array_api_strict
import numpy as np
import pytest
import scipy.stats
from spaces import RANKS, Space, host

import array_api_dist
import array_api_dist_ml as ml
from array_api_dist.collectives.recorder import operation
from array_api_dist.kernels import tiles
from array_api_dist.partition import default_partition
from array_api_dist.trace import trace
from array_api_dist_ml import _namespace, quantiles, statistics

RANDOM = np.random.default_rng(5)
TABLE = RANDOM.gamma(2.0, size=(23, 4))
# Mean 1e9, deviation 1.4: what float64 can tell of the deviations is what the references see.
FAR = TABLE + 1e9
FAR_DEVIATIONS = FAR - 1e9
AXES = (None, 0, 1, (0, 1))


@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_moments_are_exact_far_from_the_origin(
    space: Space, axis: int | tuple[int, ...] | None, keepdims: bool
) -> None:
    x = space.array(FAR)
    options = {"axis": axis, "keepdims": keepdims}
    expected = FAR_DEVIATIONS
    np.testing.assert_allclose(host(ml.mean(x, **options)), FAR.mean(**options), rtol=1e-15)
    np.testing.assert_allclose(
        host(ml.var(x, correction=1, **options)), expected.var(ddof=1, **options), rtol=1e-9
    )
    np.testing.assert_allclose(host(ml.std(x, **options)), expected.std(**options), rtol=1e-9)
    for bias in (True, False):
        np.testing.assert_allclose(
            host(ml.skewness(x, bias=bias, **options)),
            scipy.stats.skew(expected, bias=bias, **options),
            rtol=1e-9,
        )
        np.testing.assert_allclose(
            host(ml.kurtosis(x, bias=bias, fisher=bias, **options)),
            scipy.stats.kurtosis(expected, bias=bias, fisher=bias, **options),
            rtol=1e-9,
        )


def exact_moments(values: np.ndarray) -> list[float]:
    """Return mean, variance, skewness and kurtosis in extended precision."""
    wide = values.astype(np.longdouble)
    mean = wide.mean()
    second, third, fourth = (((wide - mean) ** power).mean() for power in (2, 3, 4))
    return [float(each) for each in (mean, second, third / second**1.5, fourth / second**2 - 3)]


MOMENTS = (ml.mean, ml.var, ml.skewness, ml.kurtosis)


def test_many_values_far_from_the_origin_have_their_moments(space: Space) -> None:
    # Skewed, or there is no skewness to be right about.
    data = 1e9 + RANDOM.gamma(2.0, 0.7, 200_000)
    x = space.array(data)
    for function, exact in zip(MOMENTS, exact_moments(data), strict=True):
        np.testing.assert_allclose(host(function(x)), exact, rtol=1e-9)
    found = ml.describe(x, correction=0.0)
    told = [found.mean, found.variance, found.skewness, found.kurtosis]
    np.testing.assert_allclose([host(each) for each in told], exact_moments(data), rtol=1e-9)


def test_a_hundred_million_single_precision_values_have_their_moments() -> None:
    pattern = RANDOM.gamma(2.0, 50.0, 1000).astype("float32") + np.float32(1e4)
    with default_partition("first"):
        x = array_api_dist.zeros((100_000, 1000), dtype=array_api_dist.float32)
        x += array_api_dist.asarray(pattern)
    for function, exact in zip(MOMENTS, exact_moments(pattern), strict=True):
        np.testing.assert_allclose(host(function(x)), exact, rtol=1e-9)


def test_float32_and_integers_give_float64(space: Space) -> None:
    single = (1000.0 + TABLE).astype("float32")
    whole = RANDOM.integers(0, 9, (11, 3))
    for data in (single, whole):
        x, exact = space.array(data), data.astype("float64")
        for function, reference in ((ml.mean, np.mean), (ml.var, np.var), (ml.median, np.median)):
            found = function(x, axis=0)
            assert found.dtype == space.xp.float64
            np.testing.assert_allclose(host(found), reference(exact, axis=0), rtol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_describe_is_scipys(space: Space, axis: int | None) -> None:
    found = ml.describe(space.array(FAR), axis=axis)
    expected = scipy.stats.describe(FAR_DEVIATIONS, axis=axis)
    assert found.count == expected.nobs
    np.testing.assert_allclose(host(found.minimum) - 1e9, expected.minmax[0])
    np.testing.assert_allclose(host(found.maximum) - 1e9, expected.minmax[1])
    np.testing.assert_allclose(host(found.mean) - 1e9, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(host(found.variance), expected.variance, rtol=1e-9)
    np.testing.assert_allclose(host(found.skewness), expected.skewness, rtol=1e-8)
    np.testing.assert_allclose(host(found.kurtosis), expected.kurtosis, rtol=1e-8)


def test_constant_data_have_no_shape(space: Space) -> None:
    x = space.array(np.full((6, 2), 0.1))
    assert np.isnan(host(ml.skewness(x, axis=0))).all()
    assert np.isnan(host(ml.kurtosis(x, axis=0))).all()
    np.testing.assert_allclose(host(ml.var(x, axis=0)), 0.0, atol=1e-30)


def test_nan_goes_through(space: Space) -> None:
    data = TABLE.copy()
    data[3, 2] = np.nan
    x = space.array(data)
    for function in (ml.mean, ml.var, ml.std, ml.skewness, ml.kurtosis, ml.median):
        assert np.isnan(host(function(x, axis=0))).tolist() == [False, False, True, False]
    assert np.isnan(host(ml.quantile(x, [0.0, 1.0], axis=0))).tolist() == [[False, False, True, False]] * 2


@pytest.mark.parametrize("rowvar", [True, False])
def test_covariances_and_correlations_are_numpys(space: Space, rowvar: bool) -> None:
    x = space.array(FAR)
    np.testing.assert_allclose(
        host(ml.cov(x, rowvar=rowvar)), np.cov(FAR_DEVIATIONS, rowvar=rowvar), rtol=1e-9
    )
    np.testing.assert_allclose(
        host(ml.corrcoef(x, rowvar=rowvar)), np.corrcoef(FAR_DEVIATIONS, rowvar=rowvar), rtol=1e-8
    )


def test_the_covariance_of_one_variable_is_a_number(space: Space) -> None:
    x = space.array(TABLE[:, 0])
    np.testing.assert_allclose(host(ml.cov(x, correction=0)), np.cov(TABLE[:, 0], ddof=0), rtol=1e-12)
    np.testing.assert_allclose(host(ml.corrcoef(x)), 1.0)


@pytest.mark.parametrize("method", quantiles.METHODS)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_quantiles_are_numpys_bit_for_bit(space: Space, method: quantiles.Method, axis: int | None) -> None:
    x = space.array(TABLE)
    for share in (0.3, 0.5, [0.0, 0.1, 0.25, 0.77, 1.0]):
        for keepdims in (False, True):
            np.testing.assert_array_equal(
                host(ml.quantile(x, share, axis=axis, method=method, keepdims=keepdims)),
                np.quantile(TABLE, share, axis=axis, method=method, keepdims=keepdims),
            )


CUBE = RANDOM.gamma(2.0, size=(4, 5, 3))


@pytest.mark.parametrize("axis", [(0, 1), (0, 2), (2, 1), (-1, 0, 1), (1,), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_several_axes_are_numpys(space: Space, axis: tuple[int, ...], keepdims: bool) -> None:
    x = space.array(CUBE)
    options = {"axis": axis, "keepdims": keepdims}
    for function, reference in ((ml.mean, np.mean), (ml.var, np.var), (ml.std, np.std)):
        np.testing.assert_allclose(
            host(function(x, **options)), reference(CUBE, **options), rtol=1e-12, atol=1e-15
        )
    if axis:
        for function, reference in ((ml.skewness, scipy.stats.skew), (ml.kurtosis, scipy.stats.kurtosis)):
            np.testing.assert_allclose(host(function(x, **options)), reference(CUBE, **options), rtol=1e-10)
    for share in (0.3, [0.0, 0.25, 1.0]):
        np.testing.assert_array_equal(
            host(ml.quantile(x, share, **options)), np.quantile(CUBE, share, **options)
        )
    np.testing.assert_array_equal(host(ml.median(x, **options)), np.median(CUBE, **options))
    found, axes = ml.describe(x, axis=axis), tuple(each % 3 for each in axis)
    assert found.count == np.prod([CUBE.shape[each] for each in axes])
    np.testing.assert_array_equal(host(found.minimum), CUBE.min(axis=axis))
    np.testing.assert_array_equal(host(found.maximum), CUBE.max(axis=axis))
    np.testing.assert_allclose(host(found.mean), CUBE.mean(axis=axis), rtol=1e-14)


@pytest.mark.parametrize("elements", [7, 30])
@pytest.mark.parametrize("shortest_run", [1, 64])
@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 1), (0, 2), (1, 2)], ids=str)
def test_moments_do_not_depend_on_blocks(
    space: Space,
    axis: int | tuple[int, ...] | None,
    shortest_run: int,
    elements: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "BLOCK_ELEMENTS", elements)
    monkeypatch.setattr(statistics, "SHORTEST_RUN", shortest_run)
    far = 1e6 + CUBE
    for data in (far, far.astype("float32"), far.transpose(2, 1, 0), far[:0, :, :]):
        if data.size == 0 and axis not in (1, 2, (1, 2)):
            continue
        x, exact = space.array(data), data.astype("float64") - 1e6
        for function, reference in (
            (ml.var, np.var),
            (ml.skewness, scipy.stats.skew),
            (ml.kurtosis, scipy.stats.kurtosis),
        ):
            with np.errstate(invalid="ignore"), warnings.catch_warnings(action="ignore"):
                expected = reference(exact, axis=axis)
            np.testing.assert_allclose(host(function(x, axis=axis)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.usefixtures("host_memory")
def test_moments_of_many_rows_meet_twice_and_copy_nothing(
    axis: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((statistics, "BLOCK_ELEMENTS"), (tiles, "_TILE_SIZE")):
        monkeypatch.setattr(module, name, 1 << 12)
    data = RANDOM.gamma(2.0, size=(6000 * RANKS, 40)).astype("float32")
    with default_partition("first"):
        x = array_api_dist.asarray(data)
    for function, reference, meetings in (
        (ml.std, np.std, 2),
        (ml.kurtosis, scipy.stats.kurtosis, 2),
        (lambda x, axis: ml.describe(x, axis=axis).skewness, scipy.stats.skew, 4),
    ):
        with trace() as communication, operation("whole"):
            found = function(x, axis=axis)
        np.testing.assert_allclose(host(found), reference(data.astype("float64"), axis=axis), rtol=1e-9)
        assert sum(row.calls for row in communication.collectives) == (0 if axis == 1 else meetings)
        peak = communication.totals.peak_extra_bytes
        assert peak is not None
        assert peak <= data.nbytes // RANKS // 2


def test_axes_may_be_numpys_integers(space: Space) -> None:
    x = space.array(CUBE)
    for axis, plain in ((np.int64(1), 1), ((np.int8(-1), np.uint8(0)), (2, 0))):
        for function in (ml.mean, ml.var, ml.std, ml.skewness, ml.kurtosis, ml.median):
            found, expected = function(x, axis=axis), function(x, axis=plain)
            np.testing.assert_array_equal(host(found), host(expected))
        found = ml.describe(x, axis=axis)
        np.testing.assert_array_equal(host(found.maximum), CUBE.max(axis=plain))


@pytest.mark.parametrize("shape", [(8, 0), (0, 8), (8, 0, 3)], ids=str)
def test_no_values_have_no_moments_in_blocks_either(
    space: Space, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "BLOCK_ELEMENTS", 3)
    data = np.zeros(shape)
    x = space.array(data)
    for axis in range(len(shape)):
        for keepdims in (False, True):
            expected = np.full(data.sum(axis=axis, keepdims=keepdims).shape, np.nan)
            for function in (ml.skewness, ml.kurtosis):
                with warnings.catch_warnings(action="ignore"):
                    found = function(x, axis=axis, keepdims=keepdims)
                np.testing.assert_array_equal(host(found), expected)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_an_infinite_mean_is_described(space: Space, axis: int | None) -> None:
    data = TABLE.copy()
    data[2, 1], data[5, 3], data[7, 3] = np.inf, -np.inf, np.inf
    with np.errstate(invalid="ignore"):
        expected = data.mean(axis=axis)
    for found in (ml.mean(space.array(data), axis=axis), ml.describe(space.array(data), axis=axis).mean):
        np.testing.assert_allclose(host(found), expected, rtol=1e-14)


@pytest.mark.parametrize("correction", [0.0, 0.5, 1.0, 2.0])
def test_the_variance_along_no_axes_is_numpys(space: Space, correction: float) -> None:
    data = np.asarray([[1.0, np.nan, 3.0], [np.inf, 0.0, -2.0]])
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        expected = data.var(axis=(), ddof=correction)
    for function in (ml.var, ml.std):
        np.testing.assert_array_equal(
            host(function(space.array(data), axis=(), correction=correction)), expected
        )


def test_quantiles_between_infinities_are_infinite(space: Space) -> None:
    x = space.array(np.asarray([np.inf, 1.0, np.inf, np.inf]))
    assert host(ml.quantile(x, 0.9)) == np.inf
    assert host(ml.median(space.array(np.asarray([1.0, 2.0, np.inf])))) == 2.0


@pytest.mark.parametrize("length", [1, 2, 7, 8])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_medians_are_numpys_bit_for_bit(space: Space, length: int, axis: int | None) -> None:
    # In some of so many columns the last bit of a + (b - a) / 2 is another one.
    data = np.random.default_rng(length).normal(size=(length, 150))
    np.testing.assert_array_equal(host(ml.median(space.array(data), axis=axis)), np.median(data, axis=axis))


@pytest.mark.parametrize(
    "data",
    [
        [1.0, np.inf],
        [-np.inf, 1.0],
        [-np.inf, np.inf],
        [np.inf, np.inf],
        [-1.7e308, 1.7e308],
        [1.7e308, 1.7e308],
        [1.7e308],
        [np.inf],
        [1.0, np.nan],
        [1.0, np.inf, np.nan],
    ],
    ids=str,
)
def test_medians_of_extremes_are_numpys(space: Space, data: list[float]) -> None:
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        expected = np.median(data)
    np.testing.assert_array_equal(host(ml.median(space.array(np.asarray(data)))), expected)


@pytest.mark.parametrize("bins", [1, 10, 65, 70, 1000, [0.0, 0.5, 0.5, 2.0, 5.0]], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("density", [False, True])
def test_histograms_are_numpys(space: Space, bins: int | list[float], weighted: bool, density: bool) -> None:
    data = np.round(TABLE, 1)
    weights = RANDOM.random(data.shape) if weighted else None
    if density and isinstance(bins, list):
        bins = [0.0, 0.5, 2.0, 5.0]
    given = None if weights is None else space.array(weights)
    counts, edges = ml.histogram(space.array(data), bins, weights=given, density=density)
    expected, expected_edges = np.histogram(data, bins, weights=weights, density=density)
    np.testing.assert_allclose(host(counts), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(host(edges), expected_edges)


@pytest.mark.parametrize("bins", [10, 64, 65, 1000])
def test_a_nan_is_in_no_bin(space: Space, bins: int) -> None:
    for data in (np.asarray([1.0, np.nan, 2.0, 0.3]), np.full(5, np.nan), np.append(TABLE, [np.nan] * 400)):
        counts, _ = ml.histogram(space.array(data), bins, range=(-1.0, 2.5))
        np.testing.assert_array_equal(host(counts), np.histogram(data, bins, range=(-1.0, 2.5))[0])
    # The last edge is infinite, which a NaN must not pass for.
    edges = [0.0, *np.linspace(0.5, 3.0, bins - 1).tolist(), np.inf]
    data = np.asarray([1.0, np.inf, np.nan, np.nan, 7.0])
    np.testing.assert_array_equal(
        host(ml.histogram(space.array(data), edges)[0]), np.histogram(data, edges)[0]
    )


@pytest.mark.parametrize("bins", [2, 3, 70])
def test_truth_values_are_counted_as_numbers(space: Space, bins: int) -> None:
    counts, edges = ml.histogram(space.array(TABLE > 2.0), bins)
    expected, expected_edges = np.histogram((TABLE > 2.0).astype("uint8"), bins)
    np.testing.assert_array_equal(host(counts), expected)
    np.testing.assert_array_equal(host(edges), expected_edges)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_unsigned_integers_are_described_and_counted(space: Space, dtype: str) -> None:
    data = np.asarray([5, 1, 200, 7, 7], dtype)
    found = ml.describe(space.array(data))
    assert (float(found.minimum), float(found.maximum), float(found.mean)) == (1.0, 200.0, 44.0)
    for bins in (4, 70):
        counts, edges = ml.histogram(space.array(data), bins)
        expected, expected_edges = np.histogram(data, bins)
        np.testing.assert_array_equal(host(counts), expected)
        np.testing.assert_array_equal(host(edges), expected_edges)


@pytest.mark.parametrize(
    ("data", "bins"),
    [
        ([-1.7e308, 1.7e308], 1),
        ([-1.7e308, 1.7e308], 10),
        ([1e17, 1e17], 1),
        ([1e17, 1e17], 5),
        ([0.0, 5e-324], 2),
        ([1.0, 1.0 + 1e-15], 20),
    ],
    ids=str,
)
def test_edges_that_do_not_ascend_are_refused_as_by_numpy(space: Space, data: list[float], bins: int) -> None:
    with pytest.raises(ValueError, match=f"Too many bins .* Cannot create {bins} finite-sized bins"):
        ml.histogram(space.array(np.asarray(data)), bins)


@pytest.mark.parametrize("correction", [1.0, 2.0, 3.0, 5.5])
def test_more_correction_than_values_is_numpys(space: Space, correction: float) -> None:
    data = np.asarray([[1.0, 5.0], [4.0, 2.0], [3.0, 3.0]])
    x = space.array(data)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        variances, expected = data.var(axis=1, ddof=correction), np.cov(data, ddof=int(correction))
        found = host(ml.var(x, axis=1, correction=correction))
    np.testing.assert_allclose(found, variances)
    np.testing.assert_allclose(host(ml.describe(x, axis=1, correction=correction).variance), variances)
    np.testing.assert_allclose(host(ml.cov(x, correction=int(correction))), expected)


@pytest.mark.parametrize("bins", [64, 65, 1000])
@pytest.mark.parametrize("wild", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_stays_in_its_bin(space: Space, bins: int, wild: float) -> None:
    data, weights = TABLE[:, 0], np.ones(len(TABLE))
    weights[len(TABLE) // 2] = wild
    counts, _ = ml.histogram(space.array(data), bins, range=(0.5, 2.5), weights=space.array(weights))
    expected = np.histogram(data, bins, range=(0.5, 2.5), weights=weights)[0]
    np.testing.assert_allclose(host(counts), expected)


def test_complex_values_are_refused_by_the_function_that_was_called(space: Space) -> None:
    x = space.array(np.asarray([1j, 2.0]))
    for function in (ml.var, ml.std, ml.median):
        with pytest.raises(TypeError, match=f"{function.__name__} takes a real array"):
            function(x)
    with pytest.raises(ValueError, match="median needs at least one value"):
        ml.median(space.array(np.ones((0, 2))))


def test_a_histogram_counts_inside_its_range_only(space: Space) -> None:
    counts, edges = ml.histogram(space.array(TABLE), 5, range=(1.0, 3.0))
    expected, expected_edges = np.histogram(TABLE, 5, range=(1.0, 3.0))
    np.testing.assert_array_equal(host(counts), expected)
    np.testing.assert_array_equal(host(edges), expected_edges)
    constant, _ = ml.histogram(space.array(np.ones(4)), 3)
    assert host(constant).tolist() == [0, 4, 0]


def test_unfit_arguments_are_told(space: Space) -> None:
    x = space.array(TABLE)
    with pytest.raises(ValueError, match=r"axis must lie in \[-2, 2\), got 2"):
        ml.mean(x, axis=2)
    with pytest.raises(ValueError, match=r"axes must be different, got \(0, -2\)"):
        ml.median(x, axis=(0, -2))
    with pytest.raises(TypeError, match="axis must be an int, a tuple of int or None, got 'rows'"):
        ml.var(x, axis="rows")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"quantiles must lie in \[0, 1\], got 1.5"):
        ml.quantile(x, 1.5)
    for act, parameter in (
        (lambda: ml.quantile(x, "a"), "q"),  # type: ignore[arg-type]
        (lambda: ml.quantile(x, None), "q"),  # type: ignore[arg-type]
        (lambda: ml.var(x, correction="a"), "correction"),  # type: ignore[arg-type]
        (lambda: ml.cov(x, correction="a"), "correction"),  # type: ignore[arg-type]
        (lambda: ml.describe(x, correction=None), "correction"),  # type: ignore[arg-type]
        (lambda: ml.histogram(x, 1.5), "bins"),  # type: ignore[arg-type]
        (lambda: ml.histogram(x, "auto"), "bins"),
        (lambda: ml.histogram(x, range=5), "range"),  # type: ignore[arg-type]
        (lambda: ml.histogram(x, range=(1, 2, 3)), "range"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=rf"The '{parameter}' parameter must be .* Got .* instead"):
            act()
    for function in (ml.skewness, ml.kurtosis):
        with pytest.raises(ValueError, match=r"axis must lie in \[-2, 2\), got 2"):
            function(x, axis=2)
    with pytest.raises(ValueError, match="ascending edges"):
        ml.histogram(x, [np.nan, 1.0])
    with pytest.raises(ValueError, match="method must be one of linear"):
        ml.quantile(x, 0.5, method="cubic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        ml.histogram(x, 0)
    with pytest.raises(ValueError, match="ascending edges"):
        ml.histogram(x, [2.0, 1.0])
    with pytest.raises(ValueError, match="finite and ascending"):
        ml.histogram(space.array(np.asarray([1.0, np.nan])))
    with pytest.raises(ValueError, match="weights must have the shape of x"):
        ml.histogram(x, weights=space.array(TABLE[:1]))
    with pytest.raises(ValueError, match="1 or 2 axes, got 3"):
        ml.cov(space.array(np.ones((2, 2, 2))))
    with pytest.raises(ValueError, match="at least one value"):
        ml.describe(space.array(np.ones((0, 2))))
    with pytest.raises(TypeError, match="real array"):
        ml.mean(space.array(np.asarray([1j])))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("bins", "weighted", "nbytes"), [(40, False, 20), (40, True, 22), (7, True, 22)])
@pytest.mark.usefixtures("host_memory")
def test_a_histogram_takes_a_few_bytes_for_each_element(
    bins: int, weighted: bool, nbytes: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((_namespace, "LOCAL_ELEMENTS"), (tiles, "_TILE_SIZE")):
        monkeypatch.setattr(module, name, 1 << 12)
    data, masses = RANDOM.normal(size=300_000).astype(dtype), RANDOM.random(300_000).astype(dtype)
    with default_partition("first"):
        x, weights = (array_api_dist.asarray(values) for values in (data, masses))
        with trace() as communication, operation("whole"):
            counts, _ = ml.histogram(x, bins, weights=weights if weighted else None)
    expected = np.histogram(data.astype("float64"), bins, weights=masses if weighted else None)[0]
    np.testing.assert_allclose(host(counts), expected, rtol=1e-6)
    peak = communication.totals.peak_extra_bytes
    assert peak is not None
    assert peak <= nbytes * -(-300_000 // RANKS) + 16 * 8 * (1 << 12)


def test_truth_values_are_described_as_numbers(space: Space) -> None:
    found = ml.describe(space.array(TABLE > 2.0), axis=None)
    assert (float(found.minimum), float(found.maximum)) == (0.0, 1.0)
    assert float(found.mean) == pytest.approx((TABLE > 2.0).mean())


def test_weights_of_any_real_type_count(space: Space) -> None:
    data = np.round(TABLE, 1)
    for masses in (RANDOM.integers(0, 5, data.shape), data > 1.0, data.astype("float32")):
        counts, _ = ml.histogram(space.array(data), 6, weights=space.array(masses))
        np.testing.assert_allclose(host(counts), np.histogram(data, 6, weights=masses.astype("float64"))[0])
    with pytest.raises(TypeError, match="histogram's weights takes a real array"):
        ml.histogram(space.array(data), weights=space.array(data + 1j))


@pytest.mark.parametrize("bins", [6, 100])
def test_weights_of_another_namespace_follow(space: Space, bins: int) -> None:
    masses = RANDOM.random(TABLE.shape)
    masses[3, 2] = np.nan
    expected, edges = ml.histogram(space.array(TABLE), bins, weights=space.array(masses))
    for weights in (masses, array_api_strict.asarray(masses)):
        counts, _ = ml.histogram(space.array(TABLE), bins, weights=weights)
        np.testing.assert_allclose(host(counts), host(expected), rtol=1e-12)
    counts, _ = ml.histogram(TABLE, host(edges).tolist(), weights=space.array(masses))
    np.testing.assert_allclose(counts, host(expected), rtol=1e-12)


@pytest.mark.parametrize("share", [0.5, [0.01, 0.25, 0.999]], ids=str)
def test_quantiles_of_a_long_axis_gather_nothing(share: float | list[float]) -> None:
    data = RANDOM.normal(size=200_000)
    with default_partition("first"):
        x = array_api_dist.asarray(data)
        with trace() as communication:
            found = ml.quantile(x, share)
    np.testing.assert_array_equal(host(found), np.quantile(data, share))
    # One exchange of the sort moves each element once at most; all else are counts, for each bit of a key.
    part, small = data.nbytes // RANKS, 1 << 14
    moved = [row for row in communication.collectives if row.collective == "exchange"]
    assert sum(row.bytes_sent for row in moved) <= 2 * part
    assert sum(row.bytes_received for row in moved) <= 2 * part
    others = [row for row in communication.collectives if row.collective != "exchange"]
    assert sum(row.bytes_received for row in others) <= small * RANKS
    peak = communication.totals.peak_extra_bytes
    assert peak is not None
    assert peak <= 8 * part + (1 << 20)
