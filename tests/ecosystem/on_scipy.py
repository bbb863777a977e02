"""The functions of scipy.special and scipy.stats that take arrays of any namespace: NumPy's answers on arrays in parts.

SciPy reads SCIPY_ARRAY_API when it is imported: run.py sets it, and the placement of arrays; pytest alone leaves
this file out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pytest
from scipy import special, stats
from scipy._lib._array_api import xp_capabilities_table
from scipy.special import ndtr

import array_api_dist as xp
from array_api_dist._array import Array

RANDOM: Final = np.random.default_rng(0)
# By letters: p, q, r are numbers in (0, 1), l in (2, 5), k and n integers, 2 is that number.
OPERANDS: Final[dict[str, Any]] = {
    **{letter: RANDOM.uniform(0.1, 0.9, (7, 3)) for letter in "pqr"},
    "k": np.asarray([1, 0, 2, 1, 3, 2, 4])[:, None],
    "n": np.asarray([2, 3, 5, 4, 6, 7, 9])[:, None],
    "l": RANDOM.uniform(2, 5, (7, 3)),
    "2": 2,
}
SPECIAL: Final = {
    "p": """cbrt cosdg cosm1 cotdg ellipk ellipkm1 entr erf erfc erfcx erfinv exp1 exp10 exp2 exprel expi expit gamma
        gammaln gammasgn i0 i0e i1 i1e j0 j1 k0 k0e k1 k1e log_ndtr loggamma logit ndtr ndtri psi rgamma sinc sindg
        spence tandg y0 y1 zetac logsumexp softmax log_softmax""",
    "pq": """betaln binom boxcox boxcox1p chdtr chdtrc chdtri gammainc gammaincc gammaincinv gammainccinv huber
        inv_boxcox inv_boxcox1p kl_div pdtr pdtrc poch pseudo_huber rel_entr stdtr stdtrit xlog1py xlogy""",
    "pqr": "betainc betaincc betaincinv fdtr fdtrc fdtri gdtr gdtrc hyp1f1 radian",
    "knp": "bdtr bdtrc bdtri lpmv nbdtr nbdtrc nbdtri",
    "kp": "pdtri",
    "lp": "zeta",
    "np": "expn polygamma yn",
    "l2": "multigammaln",
}
SPECIAL_CASES: Final = [(name, letters) for letters, names in SPECIAL.items() for name in names.split()]

LONG: Final = RANDOM.normal(1, 2, (23, 3))
OTHER: Final = RANDOM.normal(0.5, 1, (23, 3))
POSITIVE: Final = np.abs(LONG) + 0.1
TIES: Final = np.round(LONG)
COUNTS: Final = RANDOM.integers(3, 9, (12, 2)).astype(np.float64)
CHANCES: Final = np.linspace(0.01, 0.9, 11)
ANGLES: Final = RANDOM.uniform(0, 6, (17, 2))


def _mean(sample: Any, axis: int = -1) -> Any:
    return sample.__array_namespace__().mean(sample, axis=axis)


def _difference(one: Any, other: Any, axis: int = -1) -> Any:
    return _mean(one, axis) - _mean(other, axis)


def _normal(made: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a source of samples, the same ones for every namespace."""
    random = np.random.default_rng(1)
    return lambda size: made(random.normal(size=size))


STATS: Final[dict[str, Callable[[Callable[[Any], Any]], Any]]] = {
    "alexandergovern": lambda a: stats.alexandergovern(a(LONG), a(OTHER)),
    "ansari": lambda a: stats.ansari(a(LONG), a(OTHER)),
    "bartlett": lambda a: stats.bartlett(a(LONG), a(OTHER)),
    "bootstrap": lambda a: (
        stats.bootstrap(
            (a(LONG[:, 0]),), _mean, n_resamples=19, rng=0, method="percentile"
        ).confidence_interval
    ),
    "boxcox_llf": lambda a: stats.boxcox_llf(0.5, a(POSITIVE)),
    "brunnermunzel": lambda a: stats.brunnermunzel(a(LONG), a(OTHER)),
    "chatterjeexi": lambda a: stats.chatterjeexi(a(LONG), a(OTHER)),
    "chisquare": lambda a: stats.chisquare(a(COUNTS)),
    "circmean": lambda a: stats.circmean(a(ANGLES)),
    "circstd": lambda a: stats.circstd(a(ANGLES), axis=0),
    "circvar": lambda a: stats.circvar(a(ANGLES), axis=0),
    "combine_pvalues": lambda a: stats.combine_pvalues(a(CHANCES)),
    "cramervonmises": lambda a: stats.cramervonmises(a(LONG), ndtr),
    "cramervonmises_2samp": lambda a: stats.cramervonmises_2samp(a(LONG), a(OTHER)),
    "describe": lambda a: stats.describe(a(LONG)),
    "differential_entropy": lambda a: stats.differential_entropy(a(LONG)),
    "directional_stats": lambda a: stats.directional_stats(a(LONG)).mean_direction,
    "entropy": lambda a: stats.entropy(a(POSITIVE), axis=0),
    "epps_singleton_2samp": lambda a: stats.epps_singleton_2samp(a(LONG), a(OTHER)),
    "f_oneway": lambda a: stats.f_oneway(a(LONG), a(OTHER)),
    "false_discovery_control": lambda a: stats.false_discovery_control(a(CHANCES)),
    "fligner": lambda a: stats.fligner(a(LONG), a(OTHER)),
    "friedmanchisquare": lambda a: stats.friedmanchisquare(a(LONG), a(OTHER), a(POSITIVE)),
    "gmean": lambda a: stats.gmean(a(POSITIVE)),
    "gstd": lambda a: stats.gstd(a(POSITIVE)),
    "gzscore": lambda a: stats.gzscore(a(POSITIVE)),
    "hmean": lambda a: stats.hmean(a(POSITIVE)),
    "iqr": lambda a: stats.iqr(a(LONG), axis=0),
    "jarque_bera": lambda a: stats.jarque_bera(a(LONG), axis=0),
    "kruskal": lambda a: stats.kruskal(a(LONG), a(TIES)),
    "ks_1samp": lambda a: stats.ks_1samp(a(LONG), ndtr),
    "kstat": lambda a: stats.kstat(a(LONG), 3, axis=0),
    "kstatvar": lambda a: stats.kstatvar(a(LONG), 2, axis=0),
    "kurtosis": lambda a: stats.kurtosis(a(LONG)),
    "kurtosistest": lambda a: stats.kurtosistest(a(LONG)),
    "levene": lambda a: stats.levene(a(LONG), a(OTHER)),
    "lmoment": lambda a: stats.lmoment(a(LONG), axis=0),
    "mannwhitneyu": lambda a: stats.mannwhitneyu(a(LONG), a(OTHER)),
    "median_abs_deviation": lambda a: stats.median_abs_deviation(a(LONG)),
    "mode": lambda a: stats.mode(a(TIES)),
    "moment": lambda a: stats.moment(a(LONG), 3),
    "monte_carlo_test": lambda a: (
        stats.monte_carlo_test(a(LONG[:, 0]), _normal(a), _mean, n_resamples=19).pvalue
    ),
    "mood": lambda a: stats.mood(a(LONG), a(OTHER)),
    "normaltest": lambda a: stats.normaltest(a(LONG)),
    "pearsonr": lambda a: stats.pearsonr(a(LONG), a(OTHER), axis=0),
    "permutation_test": lambda a: (
        stats.permutation_test((a(LONG[:, 0]), a(OTHER[:, 0])), _difference, n_resamples=19, rng=0).pvalue
    ),
    "pmean": lambda a: stats.pmean(a(POSITIVE), 2),
    "power": lambda a: (
        stats.power(
            lambda sample, axis: stats.ttest_1samp(sample, 0.0, axis=axis).pvalue,
            _normal(a),
            a(np.asarray([12, 15])),
            n_resamples=19,
        ).power
    ),
    "power_divergence": lambda a: stats.power_divergence(a(COUNTS), lambda_="log-likelihood"),
    "quantile": lambda a: stats.quantile(a(LONG), a(CHANCES[:3, None]), axis=0),
    "rankdata": lambda a: stats.rankdata(a(TIES), axis=0),
    "sem": lambda a: stats.sem(a(LONG)),
    "sigmaclip": lambda a: stats.sigmaclip(a(LONG[:, 0]), 1.5, 1.5),
    "skew": lambda a: stats.skew(a(LONG)),
    "skewtest": lambda a: stats.skewtest(a(LONG)),
    "spearmanrho": lambda a: stats.spearmanrho(a(LONG), a(TIES), axis=0),
    "tmax": lambda a: stats.tmax(a(LONG), 2.5),
    "tmean": lambda a: stats.tmean(a(LONG), (-1.0, 3.0), axis=0),
    "tmin": lambda a: stats.tmin(a(LONG), -1.0),
    "trim_mean": lambda a: stats.trim_mean(a(LONG), 0.2),
    "tsem": lambda a: stats.tsem(a(LONG), (-1.0, 3.0)),
    "tstd": lambda a: stats.tstd(a(LONG), (-1.0, 3.0)),
    "ttest_1samp": lambda a: stats.ttest_1samp(a(LONG), 0.5),
    "ttest_ind": lambda a: stats.ttest_ind(a(LONG), a(OTHER), equal_var=False),
    "ttest_ind_from_stats": lambda a: stats.ttest_ind_from_stats(
        a(LONG[0]), a(POSITIVE[0]), 23, a(OTHER[0]), a(POSITIVE[1]), 23
    ),
    "ttest_rel": lambda a: stats.ttest_rel(a(LONG), a(OTHER)),
    "tvar": lambda a: stats.tvar(a(LONG), (-1.0, 3.0)),
    "variation": lambda a: stats.variation(a(POSITIVE)),
    "wilcoxon": lambda a: stats.wilcoxon(a(LONG), a(OTHER)),
    "yeojohnson_llf": lambda a: stats.yeojohnson_llf(0.5, a(LONG)),
    "zmap": lambda a: stats.zmap(a(LONG), a(OTHER)),
    "zscore": lambda a: stats.zscore(a(LONG)),
}


def _parts(result: Any) -> Iterator[Any]:
    """Yield the arrays and numbers of a result, whatever kind of tuple it is."""
    if isinstance(result, tuple):
        for part in result:
            yield from _parts(part)
    elif hasattr(result, "statistic"):
        yield from (result.statistic, result.pvalue)
    else:
        yield result


def _assert_numpys(call: Callable[[Callable[[Any], Any]], Any]) -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        expected = list(_parts(call(np.asarray)))
        found = list(_parts(call(xp.asarray)))
    assert any(isinstance(part, Array) for part in found)
    for ours, numpys in zip(found, expected, strict=True):
        assert isinstance(ours, Array) or not isinstance(numpys, np.ndarray)
        values = np.asarray(ours)
        assert values.shape == np.shape(numpys)
        assert values.dtype.kind == np.asarray(numpys).dtype.kind
        np.testing.assert_allclose(values, numpys, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "letters"), SPECIAL_CASES)
def test_a_special_function_gives_numpys_answer(name: str, letters: str) -> None:
    def call(made: Callable[[Any], Any]) -> Any:
        operands = [OPERANDS[letter] for letter in letters]
        return getattr(special, name)(
            *[made(each) if isinstance(each, np.ndarray) else each for each in operands]
        )

    _assert_numpys(call)


@pytest.mark.parametrize("name", STATS)
def test_a_statistic_gives_numpys_answer(name: str) -> None:
    _assert_numpys(STATS[name])


def _supported(module: Any) -> set[str]:
    """Return the public functions of a module that SciPy says to take arrays of other namespaces."""
    return {
        function.__name__
        for function, capabilities in xp_capabilities_table.items()
        if getattr(module, getattr(function, "__name__", ""), None) is not None
        and str(function.__module__).startswith(module.__name__)
        and not capabilities["np_only"]
    }


def test_no_function_that_takes_other_namespaces_is_left_out() -> None:
    assert _supported(stats) == set(STATS)
    assert _supported(special) == {name for name, _ in SPECIAL_CASES}
