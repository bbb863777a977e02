"""K-means agrees with scikit-learn's, and with itself in every namespace and on any number of ranks."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI
from sklearn.base import clone
from sklearn.cluster import KMeans as Reference
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from spaces import DISTRIBUTED, RANKS, Space, host

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.collectives.recorder import operation
from array_api_dist.kernels import tiles
from array_api_dist.partition import default_partition
from array_api_dist.trace import trace
from array_api_dist_ml import _lloyd, _namespace, _seeding

RANDOM = np.random.default_rng(2)
MIDDLES = np.asarray([[0.0, 0.0, 0.0], [9.0, 0.0, 1.0], [0.0, 7.0, 3.0], [1.0, 2.0, 9.0]])
X = np.concatenate([RANDOM.normal(size=(40, 3)) + middle for middle in MIDDLES])
WEIGHTS = RANDOM.integers(0, 4, len(X)).astype("float64")
START = X[[0, 1, 50, 90, 130]]
INITS = ("k-means++", "k-means||", "random")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("tol", [1e-4, 0.0])
def test_from_the_same_centres_the_run_is_scikit_learns(space: Space, weighted: bool, tol: float) -> None:
    weights = WEIGHTS if weighted else None
    expected = Reference(5, init=START, n_init=1, tol=tol).fit(X, sample_weight=weights)
    given = space.array(WEIGHTS) if weighted else None
    found = ml.KMeans(5, init=space.array(START), tol=tol).fit(space.array(X), sample_weight=given)
    assert found.n_iter_ == expected.n_iter_
    assert found.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)
    np.testing.assert_allclose(
        host(found.cluster_centers_), expected.cluster_centers_, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_array_equal(host(found.labels_), expected.labels_)
    np.testing.assert_array_equal(host(found.predict(space.array(X))), expected.predict(X))
    np.testing.assert_allclose(host(found.transform(space.array(X))), expected.transform(X), rtol=1e-7)
    assert found.score(space.array(X)) == pytest.approx(expected.score(X), rel=1e-12)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_seed_gives_the_same_clusters_everywhere(space: Space, init: str, weighted: bool) -> None:
    reference = ml.KMeans(6, init=init, random_state=4, n_init=2)
    expected = reference.fit(X, sample_weight=WEIGHTS if weighted else None)
    found = clone(reference).fit(space.array(X), sample_weight=space.array(WEIGHTS) if weighted else None)
    np.testing.assert_array_equal(host(found.labels_), expected.labels_)
    assert found.inertia_ == pytest.approx(expected.inertia_, rel=1e-9)
    assert found.n_iter_ == expected.n_iter_


@pytest.mark.parametrize("init", INITS)
def test_the_clusters_are_found(space: Space, init: str) -> None:
    found = ml.KMeans(4, init=init, random_state=0).fit(space.array(X))
    best = Reference(4, n_init=10, random_state=0).fit(X)
    assert found.inertia_ == pytest.approx(best.inertia_, rel=1e-9)


def test_initial_centres_are_those_of_a_run(space: Space) -> None:
    x = space.array(X)
    start = ml.initial_centers(x, 5, random_state=3)
    rows = {tuple(row) for row in np.round(X, 9)}
    assert all(tuple(row) in rows for row in np.round(host(start), 9))
    direct = ml.KMeans(5, random_state=3).fit(x)
    assert ml.KMeans(5, init=start).fit(x).inertia_ == direct.inertia_


def test_far_from_the_origin_nothing_is_lost(space: Space) -> None:
    shift = np.asarray([1e7, -3e7, 2e7])
    expected = ml.KMeans(4, random_state=0).fit(X)
    found = ml.KMeans(4, random_state=0).fit(space.array(X + shift))
    assert found.inertia_ == pytest.approx(expected.inertia_, rel=1e-6)
    np.testing.assert_array_equal(host(found.labels_), expected.labels_)
    np.testing.assert_array_equal(host(found.predict(space.array(X + shift))), expected.labels_)


def test_rows_far_from_the_origin_may_be_of_another_precision(space: Space) -> None:
    model = ml.KMeans(4, random_state=0).fit(space.array(X + 1e5))
    rows = space.array((X + 1e5).astype("float32"))
    np.testing.assert_array_equal(host(model.predict(rows)), host(model.labels_))
    assert model.score(rows) == pytest.approx(-model.inertia_, rel=1e-2)
    assert model.transform(rows).dtype == space.xp.float32


def test_single_precision_stays(space: Space) -> None:
    found = ml.KMeans(4, random_state=0).fit(space.array(X.astype("float32")))
    assert found.cluster_centers_.dtype == space.xp.float32
    assert found.transform(space.array(X.astype("float32"))).dtype == space.xp.float32
    whole = ml.KMeans(2, random_state=0).fit(space.array(np.arange(12).reshape(6, 2)))
    assert whole.cluster_centers_.dtype == space.xp.float64


def test_empty_clusters_move_to_the_farthest_rows(space: Space) -> None:
    x = np.asarray([[0.0], [0.1], [10.0], [10.2], [30.0]])
    start = np.asarray([[0.0], [200.0], [300.0]])
    expected = Reference(3, init=start, n_init=1).fit(x)
    found = ml.KMeans(3, init=space.array(start)).fit(space.array(x))
    np.testing.assert_allclose(
        np.sort(host(found.cluster_centers_), axis=0), np.sort(expected.cluster_centers_, axis=0)
    )
    assert found.inertia_ == pytest.approx(expected.inertia_)


@pytest.mark.parametrize("max_iter", [1, 300])
@pytest.mark.parametrize(
    ("table", "start"),
    [([0.0, 0.0, 3.0, 9.0], [1.0, 6.0, 100.0]), ([1.0, 1.0, 3.0, 3.0, 3.0], [1.0, 3.0, 50.0, 60.0])],
    ids=["gave its only row", "nothing to give"],
)
def test_clusters_that_stay_empty_go_to_the_biggest(
    space: Space, table: list[float], start: list[float], max_iter: int
) -> None:
    x, centers = np.asarray(table)[:, None], np.asarray(start)[:, None]
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        expected = Reference(len(start), init=centers, n_init=1, max_iter=max_iter).fit(x)
        found = ml.KMeans(len(start), init=space.array(centers), max_iter=max_iter).fit(space.array(x))
    np.testing.assert_allclose(host(found.cluster_centers_), expected.cluster_centers_, atol=1e-14)
    np.testing.assert_array_equal(host(found.labels_), expected.labels_)
    assert found.n_iter_ == expected.n_iter_


def test_what_rounding_leaves_of_a_cluster_is_no_weight(space: Space) -> None:
    x, start = np.asarray([[0.0], [0.0], [10.0], [10.5]]), np.asarray([[0.0], [8.0], [100.0], [200.0]])
    # 0.1 + 0.2 - 0.2 - 0.1 is not 0.
    weights = np.asarray([1.0, 1.0, 0.1, 0.2])
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        found = ml.KMeans(4, init=space.array(start), max_iter=1).fit(
            space.array(x), sample_weight=space.array(weights)
        )
    np.testing.assert_allclose(host(found.cluster_centers_)[:, 0], [0.0, 0.0, 10.5, 10.0], atol=1e-14)


def test_a_row_as_near_to_several_centres_belongs_to_the_first(space: Space) -> None:
    table, start = np.asarray([[-1.0], [0.0], [1.0], [4.0]]), np.asarray([[-1.0], [1.0], [1.0], [9.0]])
    found = ml.KMeans(4, init=space.array(start), max_iter=1).fit(space.array(table))
    expected = Reference(4, init=start, n_init=1, max_iter=1).fit(table)
    np.testing.assert_array_equal(host(found.cluster_centers_), expected.cluster_centers_)
    np.testing.assert_array_equal(host(found.labels_), expected.labels_)


def test_fewer_different_rows_than_clusters_are_told(space: Space) -> None:
    x = np.repeat([[1.0, 2.0], [3.0, 4.0]], 5, axis=0)
    with pytest.warns(
        ConvergenceWarning, match=r"distinct clusters \(2\) found smaller than n_clusters \(4\)"
    ):
        found = ml.KMeans(4, random_state=0).fit(space.array(x))
    assert found.inertia_ == pytest.approx(0.0, abs=1e-12)


def test_rows_of_no_weight_do_not_count(space: Space) -> None:
    x = np.concatenate([X, np.full((5, 3), 1e3)])
    weights = np.concatenate([np.ones(len(X)), np.zeros(5)])
    for init in INITS:
        found = ml.KMeans(4, init=init, random_state=1).fit(
            space.array(x), sample_weight=space.array(weights)
        )
        assert host(found.cluster_centers_).max() < 100.0


@pytest.mark.parametrize("count", [25, 26, 52, 60])
def test_each_row_counts_once_among_the_candidates(
    space: Space, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    plus_plus = _seeding.plus_plus

    def spy(sample: _seeding.Sample, *arguments: Any) -> Any:
        taken.append((sample.rows.shape[0], host(sample.weights)))
        return plus_plus(sample, *arguments)

    monkeypatch.setattr(_seeding, "plus_plus", spy)
    rows = np.random.default_rng(0).normal(size=(500, 3))
    ml.initial_centers(space.array(rows), count, init="k-means||")
    ((candidates, masses),) = taken
    assert candidates == 10 * count + 1
    assert masses.sum() == 500.0


@pytest.mark.parametrize("weight", [2, np.int64(2), np.float32(2.0)], ids=repr)
def test_a_number_is_the_weight_of_every_row(space: Space, weight: Any) -> None:
    found = ml.KMeans(3, random_state=0).fit(space.array(X), sample_weight=weight)
    expected = ml.KMeans(3, random_state=0).fit(X, sample_weight=np.full(len(X), 2.0))
    np.testing.assert_array_equal(host(found.labels_), expected.labels_)
    assert found.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)


def test_random_centres_are_rows_of_positive_weight(space: Space) -> None:
    weights = np.zeros(len(X))
    weights[[3, 70]] = 1.0, 2.0
    found = ml.initial_centers(space.array(X), 2, init="random", sample_weight=space.array(weights))
    assert sorted(host(found).tolist()) == sorted(X[[3, 70]].tolist())
    for act in (ml.KMeans(3, init="random").fit, Reference(3, init="random").fit):
        with pytest.raises(ValueError, match="Fewer non-zero entries in p than size"):
            act(space.array(X) if act.__module__ != Reference.__module__ else X, sample_weight=weights)


def test_a_fitted_model_is_pickled(space: Space) -> None:
    model = ml.KMeans(4, random_state=0).fit(space.array(X))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(host(again.predict(space.array(X))), host(model.labels_))


def test_verbose_shows_the_inertia(space: Space, capsys: pytest.CaptureFixture[str]) -> None:
    # Until nothing moves any more: a step shows the inertia that it begins with.
    model = ml.KMeans(4, tol=0.0, random_state=0, verbose=1).fit(space.array(X))
    shown = capsys.readouterr().out
    rank = getattr(getattr(model.labels_, "device", None), "rank", 0)
    assert (f"inertia {model.inertia_:.6g}" in shown) == (rank == 0)


REFUSED: tuple[tuple[Callable[[Space], Any], str], ...] = (
    (lambda s: ml.KMeans(0).fit(s.array(X)), "'n_clusters' parameter of KMeans must be an int"),
    (lambda s: ml.initial_centers(s.array(X), 0), "'n_clusters' parameter of initial_centers must be an int"),
    (lambda s: ml.initial_centers(s.array(X), 2, init="best"), "'init' parameter of initial_centers must be"),
    (
        lambda s: ml.initial_centers(s.array(X), 2, random_state=-1),
        "'random_state' parameter of initial_centers must be",
    ),
    (lambda s: ml.KMeans(init="best").fit(s.array(X)), "'init' parameter of KMeans must be"),
    (lambda s: ml.KMeans(tol=-1.0).fit(s.array(X)), "'tol' parameter of KMeans"),
    (lambda s: ml.KMeans(9).fit(s.array(X[:8])), "n_samples=8 should be >= n_clusters=9"),
    (lambda s: ml.KMeans(2).fit(s.array(X[:, 0])), "Expected 2D array, got 1D array instead"),
    (lambda s: ml.KMeans(2).fit(s.array(np.where(X > 5, np.nan, X))), "Input X contains NaN"),
    (lambda s: ml.KMeans(2).fit(s.array(np.where(X > 5, np.inf, X))), "Input X contains infinity"),
    (lambda s: ml.KMeans(2).fit(s.array(X + 1j)), "Complex data not supported"),
    (lambda s: ml.KMeans(2).fit(s.array(X[:, :0])), "0 feature"),
    (lambda s: ml.KMeans(2).fit(s.array(X[:0])), "0 sample"),
    (lambda s: ml.KMeans(2).fit(s.array(X), sample_weight=s.array(WEIGHTS - 1.0)), "Negative values"),
    (lambda s: ml.KMeans(2).fit(s.array(X), sample_weight=s.array(WEIGHTS[:5])), r"shape == \(5,\)"),
    (lambda s: ml.KMeans(2).fit(s.array(X), sample_weight=s.array(0.0 * WEIGHTS)), "non-zero"),
    (lambda s: ml.KMeans(2, init=s.array(START)).fit(s.array(X)), r"initial centers must be .* got \(5, 3\)"),
    (lambda s: ml.KMeans(5, init=START + 1j).fit(s.array(X)), "Complex data not supported"),
    (lambda s: ml.KMeans(5, init=START * np.nan).fit(s.array(X)), "Input init contains NaN"),
    (lambda s: ml.KMeans(5, init=s.array(START * np.nan)).fit(s.array(X)), "Input init contains NaN"),
    (
        lambda s: ml.KMeans(4).fit(s.array(X)).predict(s.array(X[:, :2])),
        "X has 2 features, but KMeans is expecting 3",
    ),
)


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_unfit_input_is_refused_as_by_scikit_learn(space: Space, number: int) -> None:
    act, message = REFUSED[number]
    with pytest.raises(ValueError, match=message):
        act(space)


def test_a_refusal_has_the_same_words_on_every_rank(space: Space) -> None:
    told = []
    for act, _ in REFUSED:
        with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the words are compared
            act(space)
        told.append(str(refusal.value))
    assert MPI.COMM_WORLD.allgather(told) == [told] * RANKS


def test_a_model_without_a_fit_is_refused(space: Space) -> None:
    with pytest.raises(NotFittedError):
        ml.KMeans(2).predict(space.array(X))


def test_namespaces_do_not_mix() -> None:
    model = ml.KMeans(4, random_state=0).fit(DISTRIBUTED[0].array(X))
    for method in ("predict", "transform", "score"):
        with pytest.raises(ValueError, match=rf"KMeans\.{method}\(\) must use the same namespace"):
            getattr(model, method)(X)


def _collectives(steps: int, distance: float) -> int:
    """Return how many collectives ``steps`` steps from bad centres take."""
    with default_partition("first"):
        x = xp.asarray(np.random.default_rng(0).normal(size=(20_000, 3)) + distance)
    with trace() as communication:
        model = ml.KMeans(5, init=np.asarray(START) + distance, max_iter=steps, tol=0.0).fit(x)
    assert model.n_iter_ == steps
    return sum(row.calls for row in communication.collectives)


@pytest.mark.parametrize("distance", [0.0, 1e3], ids=["near", "far"])
def test_a_step_takes_one_collective(distance: float) -> None:
    assert _collectives(5, distance) - _collectives(2, distance) == 3


def test_more_rows_than_single_precision_counts_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ml.KMeans(4, random_state=0).fit(DISTRIBUTED[0].array(X))
    monkeypatch.setattr(_lloyd, "eps_of", lambda xp, x: 1e-2)
    found = ml.KMeans(4, random_state=0).fit(DISTRIBUTED[0].array(X))
    np.testing.assert_array_equal(host(found.labels_), host(expected.labels_))
    assert _collectives(5, 0.0) - _collectives(2, 0.0) == 3 * 2


def _peak(act: Callable[[], Any]) -> int:
    with trace() as communication, operation("whole"):
        act()
    peak = communication.totals.peak_extra_bytes
    assert peak is not None
    return peak


@pytest.mark.parametrize("init", [*INITS, "array"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("distance", [0.0, 1e6], ids=["near", "far"])
@pytest.mark.usefixtures("host_memory")
def test_a_fit_takes_no_more_memory_than_a_copy_and_a_number_for_each_row_and_cluster(
    init: str, weighted: bool, distance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = 1 << 14
    for module, name in ((_namespace, "LOCAL_ELEMENTS"), (tiles, "_TILE_SIZE")):
        monkeypatch.setattr(module, name, block)
    # So many rows that no sum over all of them is small enough to be copied to every rank.
    n, clusters, features = 150_000, 12, 20
    random = np.random.default_rng(0)
    with default_partition("first"):
        x = xp.asarray(random.normal(size=(n, features)) + distance)
        weights = xp.asarray(random.uniform(size=n)) if weighted else None
    start = random.normal(size=(clusters, features)) + distance if init == "array" else init
    model = ml.KMeans(clusters, init=start, n_init=1, max_iter=3)
    rows = -(-n // RANKS)
    # The labels are the result.
    scratch = 8 * (rows + 12 * clusters * features + 8 * block)
    copy = 8 * rows * (features + 1)
    assert _peak(lambda: model.fit(x, sample_weight=weights)) <= copy + 8 * rows * clusters + scratch
    assert _peak(lambda: model.predict(x)) <= scratch
    assert _peak(lambda: model.score(x, sample_weight=weights)) <= 8 * 2 * rows + scratch
