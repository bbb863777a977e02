"""The estimators keep scikit-learn's conventions, on NumPy arrays and on others."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from spaces import RANKS, Space, host

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist._array import Array
from array_api_dist.partition import default_partition
from array_api_dist.trace import trace

RANDOM = np.random.default_rng(6)
X = RANDOM.normal(size=(60, 4))
Y = X @ [1.0, 2.0, 0.0, -1.0] + 0.1 * RANDOM.normal(size=60)
# scikit-learn expects the same of its own KMeans: rows drawn at random are not drawn alike when some are repeated.
EXPECTED_FAILURES = {
    ml.KMeans: {"check_sample_weight_equivalence_on_dense_data": "random starts depend on the order of rows"}
}


@pytest.mark.skipif(RANKS > 1, reason="one process shows it")
@pytest.mark.parametrize("estimator", [ml.KMeans(), ml.Lasso()], ids=str)
def test_scikit_learns_own_checks_pass(estimator: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            estimator,
            on_skip=None,
            on_fail=None,
            expected_failed_checks=EXPECTED_FAILURES.get(type(estimator), {}),
        )
    failed = [
        (result["check_name"], result["exception"]) for result in results if result["status"] == "failed"
    ]
    assert not failed
    assert sum(result["status"] == "passed" for result in results) > 40


@pytest.mark.skipif(RANKS > 1, reason="one process shows it")
@pytest.mark.skipif("SCIPY_ARRAY_API" in os.environ, reason="it is set here already")
def test_scikit_learns_checks_of_array_namespaces_pass() -> None:
    # SciPy reads the variable when it is imported; without it scikit-learn leaves these checks out.
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "own_checks"]
    done = subprocess.run(
        arguments, env={**os.environ, "SCIPY_ARRAY_API": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_clones_are_equal_and_unfitted(space: Space) -> None:
    for model in (
        ml.KMeans(3, tol=0.1).fit(space.array(X)),
        ml.Lasso(0.3).fit(space.array(X), space.array(Y)),
    ):
        copy = clone(model)
        assert copy.get_params() == model.get_params()
        assert not hasattr(copy, "n_iter_")
        assert copy.set_params(tol=0.5).tol == 0.5


def test_names_of_columns_are_those_of_the_last_fit(space: Space) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    for model in (ml.KMeans(3), ml.Lasso()):
        assert list(model.fit(frame, Y).feature_names_in_) == list("abcd")
        model.fit(space.array(X), space.array(Y))
        assert not hasattr(model, "feature_names_in_")


def test_a_search_finds_the_same_parameters_everywhere(space: Space) -> None:
    if space.name == "array_api_strict":
        x, y = X, Y  # its arrays take no index arrays of NumPy's, which scikit-learn splits by
    else:
        x, y = space.array(X), space.array(Y)
    for model, grid, target in (
        (ml.Lasso(), {"alpha": [0.001, 0.01, 0.1, 1.0]}, y),
        (ml.KMeans(random_state=0), {"n_clusters": [2, 3, 4]}, None),
    ):
        splits = KFold(3)
        found = GridSearchCV(model, grid, cv=splits).fit(x, target)
        expected = GridSearchCV(model, grid, cv=splits).fit(X, None if target is None else Y)
        assert found.best_params_ == expected.best_params_
        np.testing.assert_allclose(
            found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-9
        )


def test_estimators_follow_each_other_in_a_pipeline(space: Space) -> None:
    pipeline = make_pipeline(ml.KMeans(5, random_state=0), ml.Lasso(0.01))
    found = clone(pipeline).fit(space.array(X), space.array(Y))
    expected = clone(pipeline).fit(X, Y)
    assert found.score(space.array(X), space.array(Y)) == pytest.approx(expected.score(X, Y), rel=1e-9)
    np.testing.assert_allclose(host(found.predict(space.array(X))), expected.predict(X), rtol=1e-8)


@pytest.mark.parametrize("placement", ["first", "last", "uneven", "mixed"])
@pytest.mark.parametrize("shift", [0.0, 1e7])
def test_what_a_fit_finds_lies_on_every_rank_and_is_pickled_alike(placement: str, shift: float) -> None:
    with default_partition(placement):
        x, y = xp.asarray(X + shift), xp.asarray(Y)
        models = [ml.KMeans(3, random_state=0).fit(x), ml.Lasso(0.01).fit(x, y)]
        with trace() as communication:
            saved = [pickle.dumps(model) for model in models]
            loaded = [pickle.loads(each) for each in saved]
        assert communication.totals.messages == 0
        for model, again in zip(models, loaded, strict=True):
            whole = {
                name: each
                for name, each in vars(again).items()
                if isinstance(each, Array) and name != "labels_"
            }
            assert all(each.partition.axis is None for each in whole.values())
            # The labels lie where the rows do, and one rank's pickle holds its own of them.
            vars(again).pop("labels_", None)
            for found in (again, pickle.loads(MPI.COMM_WORLD.bcast(pickle.dumps(again)))):
                assert vars(found).keys() >= whole.keys()
                np.testing.assert_array_equal(host(found.predict(x)), host(model.predict(x)))
