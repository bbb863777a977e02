"""The lasso agrees with scikit-learn's in every namespace."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import (
    ConvergenceWarning,
    DataConversionWarning,
    NotFittedError,
    UndefinedMetricWarning,
)
from sklearn.linear_model import Lasso as Reference
from sklearn.linear_model import lasso_path as reference_path
from spaces import Space, host

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.partition import default_partition, repartition
from array_api_dist.trace import trace
from array_api_dist_ml import _descent

RANDOM = np.random.default_rng(8)


def problem(rows: int, columns: int) -> tuple[Any, Any]:
    x = RANDOM.normal(size=(rows, columns)) * RANDOM.uniform(0.5, 3.0, columns) + 5.0
    return x, x[:, :4] @ [3.0, -2.0, 1.0, 0.5] + RANDOM.normal(size=rows) + 10.0


LONG = problem(90, 7)
WIDE = problem(20, 33)


@pytest.mark.parametrize("data", [LONG, WIDE], ids=["long", "wide"])
@pytest.mark.parametrize("alpha", [0.05, 1.0])
def test_weights_are_scikit_learns(space: Space, data: tuple[Any, Any], alpha: float) -> None:
    x, y = data
    for options in ({}, {"fit_intercept": False}, {"positive": True}, {"tol": 1e-9}):
        settings = {"alpha": alpha, "max_iter": 50_000, **options}
        expected = Reference(**settings).fit(x, y)
        found = ml.Lasso(**settings).fit(space.array(x), space.array(y))
        np.testing.assert_allclose(host(found.coef_), expected.coef_, atol=1e-6)
        assert found.intercept_ == pytest.approx(expected.intercept_, abs=1e-5)
        assert found.n_iter_ == expected.n_iter_
        assert found.score(space.array(x), space.array(y)) == pytest.approx(expected.score(x, y), abs=1e-9)
        np.testing.assert_allclose(host(found.predict(space.array(x))), expected.predict(x), atol=1e-5)


@pytest.fixture
def _rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few columns descend at a time, as where there are many."""
    for name, value in (("GRAM_COLUMNS", 0), ("FEW_COLUMNS", 0), ("NEW_COLUMNS", 2)):
        monkeypatch.setattr(_descent, name, value)


@pytest.mark.usefixtures("_rounds")
@pytest.mark.parametrize("data", [LONG, WIDE], ids=["long", "wide"])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"positive": True}], ids=str)
def test_weights_by_residual_updates_are_scikit_learns(
    space: Space, data: tuple[Any, Any], options: dict[str, bool]
) -> None:
    x, y = data
    settings = {"alpha": 0.1, "max_iter": 100_000, "tol": 1e-12, **options}
    expected = Reference(**settings).fit(x, y)
    found = ml.Lasso(**settings).fit(space.array(x), space.array(y))
    np.testing.assert_allclose(host(found.coef_), expected.coef_, atol=1e-6)
    assert found.intercept_ == pytest.approx(expected.intercept_, abs=1e-5)
    assert found.dual_gap_ <= 1e-12 * float(np.mean(y**2))


@pytest.mark.usefixtures("_rounds")
def test_a_path_by_residual_updates_is_scikit_learns(space: Space) -> None:
    x, y = WIDE[0] - WIDE[0].mean(axis=0), WIDE[1] - WIDE[1].mean()
    alphas = np.geomspace(1.0, 0.05, 6) * np.abs(x.T @ y).max() / len(x)
    options = {"alphas": alphas.tolist(), "tol": 1e-12, "max_iter": 100_000}
    expected = reference_path(x, y, **options)
    for mine, theirs in zip(ml.lasso_path(space.array(x), space.array(y), **options), expected, strict=True):
        np.testing.assert_allclose(host(mine), theirs, atol=1e-6)


@pytest.mark.usefixtures("_rounds")
def test_rounds_go_on_from_a_warm_start_and_end_at_max_iter(space: Space) -> None:
    x, y = (space.array(values) for values in WIDE)
    model = ml.Lasso(0.1, warm_start=True, tol=1e-9, max_iter=100_000).fit(x, y)
    first = host(model.coef_)
    assert model.fit(x, y).n_iter_ == 0
    np.testing.assert_array_equal(host(model.coef_), first)
    with pytest.warns(ConvergenceWarning, match="Duality gap"):
        assert ml.Lasso(0.001, max_iter=3, tol=1e-12).fit(x, y).n_iter_ == 3


def _alike(rows: int, groups: int, in_each: int, noise: float) -> tuple[Any, Any]:
    """Return more columns than rows, of which those of a group are much alike."""
    random = np.random.default_rng(0)
    x = np.repeat(random.normal(size=(rows, groups)), in_each, 1)
    x += noise * random.normal(size=x.shape)
    return x, x[:, :: max(1, x.shape[1] // 5)].sum(axis=1) + 0.1 * random.normal(size=rows)


@pytest.mark.parametrize(
    ("rows", "groups", "in_each", "noise"), [(40, 70, 10, 0.01), (100, 50, 20, 0.33)], ids=str
)
def test_many_columns_much_alike_converge_as_scikit_learns(
    space: Space, rows: int, groups: int, in_each: int, noise: float
) -> None:
    x, y = _alike(rows, groups, in_each, noise)
    expected = Reference(0.01).fit(x, y)
    found = ml.Lasso(0.01).fit(space.array(x), space.array(y))
    # No warning; the steps are others, but not many more.
    assert found.dual_gap_ <= 1e-4 * float(np.var(y))
    assert found.n_iter_ <= 3 * expected.n_iter_ + 10
    weights = host(found.coef_)
    residual = y - x @ weights - found.intercept_
    objective = float(residual @ residual) / (2 * rows) + 0.01 * float(np.abs(weights).sum())
    theirs = y - expected.predict(x)
    least = float(theirs @ theirs) / (2 * rows) + 0.01 * float(np.abs(expected.coef_).sum())
    assert objective <= least + 1e-4 * float(np.var(y))


def test_many_columns_without_a_penalty_converge(space: Space) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(30, 900))
    y = x[:, :3].sum(axis=1)
    with pytest.warns(UserWarning, match="alpha=0"):
        found = ml.Lasso(0.0, tol=1e-8).fit(space.array(x), space.array(y))
    assert found.n_iter_ < 1000
    np.testing.assert_allclose(host(found.predict(space.array(x))), y, atol=1e-4)


@pytest.mark.parametrize("data", [LONG, WIDE], ids=["long", "wide"])
def test_the_path_is_scikit_learns(space: Space, data: tuple[Any, Any]) -> None:
    x, y = data[0] - data[0].mean(axis=0), data[1] - data[1].mean()
    greatest = np.abs(x.T @ y).max() / len(x)
    expected = reference_path(x, y, alphas=np.geomspace(greatest, 0.02 * greatest, 12))
    for found in (
        ml.lasso_path(space.array(x), space.array(y), alphas=12, eps=0.02),
        ml.lasso_path(space.array(data[0]), space.array(data[1]), alphas=12, eps=0.02, fit_intercept=True),
    ):
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(host(mine), theirs, atol=1e-6)


def test_named_penalties_come_in_descending_order(space: Space) -> None:
    x, y = LONG
    alphas, weights, gaps = ml.lasso_path(
        space.array(x), space.array(y), alphas=[0.1, 10.0, 1.0], fit_intercept=True
    )
    assert host(alphas).tolist() == [10.0, 1.0, 0.1]
    assert weights.shape == (7, 3)
    assert gaps.shape == (3,)
    single = ml.Lasso(1.0).fit(space.array(x), space.array(y))
    np.testing.assert_allclose(host(weights)[:, 1], host(single.coef_), atol=1e-2)


def test_a_warm_start_goes_on(space: Space) -> None:
    x, y = space.array(LONG[0]), space.array(LONG[1])
    model = ml.Lasso(0.05, warm_start=True, tol=1e-9).fit(x, y)
    first = host(model.coef_)
    assert model.fit(x, y).n_iter_ <= 1
    np.testing.assert_allclose(host(model.coef_), first, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.05, 1e3])
@pytest.mark.parametrize(("first", "second"), [(7, 3), (3, 7), (1, 7)])
def test_a_warm_start_takes_as_many_columns_as_before(
    space: Space, alpha: float, first: int, second: int
) -> None:
    x, y = space.array(LONG[0]), space.array(LONG[1])
    model = ml.Lasso(alpha, warm_start=True).fit(x[:, :first], y)
    with pytest.raises(ValueError, match=f"as many columns as the last fit had: {first}, got {second}"):
        model.fit(x[:, :second], y)


def test_a_target_of_one_column_is_taken_as_a_vector(space: Space) -> None:
    x, y = LONG
    expected = ml.Lasso(0.1).fit(x, y)
    for column in (space.array(y[:, None]), y[:, None]):
        with pytest.warns(
            DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"
        ):
            found = ml.Lasso(0.1).fit(space.array(x), column)
        assert found.coef_.shape == (7,)
        np.testing.assert_allclose(host(found.coef_), expected.coef_, atol=1e-9)
    with pytest.warns(DataConversionWarning, match="column-vector"):
        assert found.score(space.array(x), space.array(y[:, None])) == pytest.approx(expected.score(x, y))


def test_one_sample_has_no_score(space: Space) -> None:
    model = _fitted(space)
    for y in (LONG[1][:1], host(model.predict(space.array(LONG[0][:1])))):
        with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
            assert np.isnan(model.score(space.array(LONG[0][:1]), space.array(y)))


def test_a_constant_column_has_no_weight(space: Space) -> None:
    x = LONG[0].copy()
    x[:, 2] = 4.0
    assert host(ml.Lasso(0.1).fit(space.array(x), space.array(LONG[1])).coef_)[2] == 0.0


def test_too_few_sweeps_are_told(space: Space) -> None:
    with pytest.warns(ConvergenceWarning, match="Duality gap"):
        ml.Lasso(0.001, max_iter=1, tol=1e-12).fit(space.array(LONG[0]), space.array(LONG[1]))


def test_without_a_penalty_ordinary_least_squares_is_recommended(space: Space) -> None:
    x, y = LONG
    with pytest.warns(UserWarning, match="alpha=0"):
        found = ml.Lasso(0.0, tol=1e-12, max_iter=50_000).fit(space.array(x), space.array(y))
    design = np.c_[x, np.ones(len(x))]
    expected = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(host(found.coef_), expected[:-1], atol=1e-5)


def test_a_fitted_model_is_pickled(space: Space) -> None:
    x, y = space.array(LONG[0]), space.array(LONG[1])
    model = ml.Lasso(0.1).fit(x, y)
    np.testing.assert_array_equal(host(pickle.loads(pickle.dumps(model)).predict(x)), host(model.predict(x)))


def _fitted(space: Space) -> ml.Lasso:
    return ml.Lasso().fit(space.array(LONG[0]), space.array(LONG[1]))


REFUSED: tuple[tuple[Callable[[Space], Any], str], ...] = (
    (lambda s: ml.Lasso(-1.0).fit(s.array(LONG[0]), s.array(LONG[1])), "'alpha' parameter of Lasso"),
    (
        lambda s: ml.Lasso().fit(s.array(LONG[0]), s.array(WIDE[1])),
        r"inconsistent numbers of samples: \[90, 20\]",
    ),
    (lambda s: ml.Lasso().fit(s.array(LONG[0]), s.array(LONG[0])), "y should be a 1d array"),
    (lambda s: ml.Lasso().fit(s.array(LONG[0]), s.array(LONG[1] * np.nan)), "Input y contains NaN"),
    (lambda s: ml.Lasso().fit(s.array(LONG[0]), None), "requires y to be passed"),
    (
        lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), eps=0.0),
        r"'eps' parameter of lasso_path must be a float in the range \(0",
    ),
    (lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), alphas=[-1.0]), "alphas must be"),
    (lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), tol=-1.0), "'tol' parameter of lasso_path"),
    (
        lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), max_iter=0),
        "'max_iter' parameter of lasso_path",
    ),
    (
        lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), positive="a"),  # type: ignore[arg-type]
        "'positive' parameter of lasso_path",
    ),
    (lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), alphas=[np.nan]), "alphas must be"),
    (lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), alphas=["a"]), "alphas must be"),
    (
        lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), alphas=0),
        "'alphas' parameter of lasso_path",
    ),
    (lambda s: ml.lasso_path(s.array(LONG[0]), s.array(LONG[1]), alphas="a"), "Got 'a' instead"),
    (
        lambda s: _fitted(s).score(s.array(LONG[0]), s.array(LONG[1][:5])),
        r"inconsistent numbers of samples: \[90, 5\]",
    ),
    (lambda s: _fitted(s).score(s.array(LONG[0]), None), "requires y to be passed"),
    (lambda s: _fitted(s).score(s.array(LONG[0]), s.array(LONG[0])), "y should be a 1d array"),
    (lambda s: _fitted(s).score(s.array(LONG[0]), s.array(LONG[1] * np.nan)), "Input y contains NaN"),
    (
        lambda s: _fitted(s).score(s.array(LONG[0]), s.array(LONG[1]), s.array(-(LONG[1] ** 2))),
        "Negative values in data passed to `sample_weight`",
    ),
)


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_unfit_input_is_refused_as_by_scikit_learn(space: Space, number: int) -> None:
    act, message = REFUSED[number]
    with pytest.raises(ValueError, match=message):
        act(space)


def test_a_model_without_a_fit_is_refused(space: Space) -> None:
    with pytest.raises(NotFittedError):
        ml.Lasso().predict(space.array(LONG[0]))


def _collectives(alpha: float) -> tuple[int, int]:
    with default_partition("first"):
        x, y = (xp.asarray(values) for values in problem(6000, 7))
    with trace() as communication:
        model = ml.Lasso(alpha, tol=1e-10).fit(x, y)
    return sum(row.calls for row in communication.collectives), model.n_iter_


def test_a_long_fit_takes_as_many_collectives_as_a_short_one() -> None:
    short, few = _collectives(5.0)
    long, many = _collectives(0.001)
    assert many > few
    assert long <= short <= 10


@pytest.mark.parametrize("axis", [0, 1])
def test_many_columns_take_rounds_of_few_collectives_and_no_product_of_all(axis: int) -> None:
    columns = 1500
    with default_partition("first"):
        x, y = (xp.asarray(values) for values in problem(60, columns))
    x = repartition(x, axis)
    with trace() as communication:
        model = ml.Lasso(0.3, tol=1e-8, max_iter=10_000).fit(x, y)
    moved = int(np.count_nonzero(host(model.coef_)))
    assert model.n_iter_ > 30
    assert moved > 10
    assert sum(row.calls for row in communication.collectives) <= 100
    peak = communication.totals.peak_extra_bytes
    assert peak is not None
    assert peak < columns * columns * 8 // 4
