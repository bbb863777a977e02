"""How late will it arrive? scikit-learn's own pipeline on every rank: ``python ml/demo/pipeline.py``.

``fit`` is what a data scientist has written for one process. ``--xp numpy`` runs it so; the default runs it on the ranks
of ``mpirun``, each with its part of the flights. Nothing in it changes but ``xp``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# SciPy asks before anything else imports it, and scikit-learn asks SciPy.
os.environ["SCIPY_ARRAY_API"] = "1"

import example
import matplotlib as mpl
import numpy as np
from example import KNOWN, Floats
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

mpl.use("Agg")
from matplotlib import pyplot as plt


def fit(xp: Any, table: Any) -> dict[str, Floats]:
    """Fit a ridge regression on principal components of three quarters of the flights; score it on the others."""
    import sklearn
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.metrics import mean_absolute_error, r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    sklearn.set_config(array_api_dispatch=True)
    X, y = example.split_columns(xp, table)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    model = make_pipeline(StandardScaler(), PCA(n_components=12), Ridge(alpha=1.0, solver="svd")).fit(
        X_train, y_train
    )
    predicted = model.predict(X_test)
    # Small, or for the picture: what follows is the same on every rank.
    _, components, ridge = (step for _, step in model.steps)
    return {
        "rows": np.asarray([X_train.shape[0], X_test.shape[0]], dtype=np.float64),
        "R² of the training rows": np.asarray([float(model.score(X_train, y_train))]),
        "R² of the test rows": np.asarray([float(r2_score(y_test, predicted))]),
        "mean absolute error in minutes": np.asarray([float(mean_absolute_error(y_test, predicted))]),
        "share of variance": np.asarray(components.explained_variance_ratio_),
        "effects": np.asarray(ridge.coef_ @ components.components_),
        "sample": np.stack([np.asarray(y_test[::10]), np.asarray(predicted[::10])]),
    }


def show(found: dict[str, Floats], output: Path, console: Console) -> None:
    """Print the scores and save the picture."""
    train, test = (int(count) for count in found["rows"])
    console.print(
        f"delay on arrival, from what is known at departure: {train:,} flights to learn from, {test:,} to test"
    )
    table = Table(box=SIMPLE_HEAD)
    table.add_column("score")
    table.add_column("value", justify="right")
    for name in ("R² of the training rows", "R² of the test rows", "mean absolute error in minutes"):
        table.add_row(name, f"{float(found[name][0]):.4f}")
    table.add_row("variance kept by 12 of 15 components", f"{float(np.sum(found['share of variance'])):.4f}")
    console.print(table)
    path = output / "pipeline.png"
    draw(found, path)
    console.print(f"picture: {path}", soft_wrap=True)


def draw(found: dict[str, Floats], path: Path) -> None:
    """Save a picture: predicted over true delays, and what a standard deviation of each column does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.5), layout="constrained")
    truth, predicted = found["sample"]
    low, high = np.percentile(found["sample"], [0.1, 99.7])
    cells = left.hexbin(
        truth,
        predicted,
        gridsize=70,
        bins="log",
        mincnt=1,
        cmap="viridis",
        extent=(low, high, low, high),
        linewidths=0.1,
    )
    left.plot([low, high], [low, high], color="#D55E00", linewidth=1.2, label="predicted = true")
    left.set(
        xlim=(low, high), ylim=(low, high), xlabel="true delay on arrival [min]", ylabel="predicted [min]"
    )
    left.set_title(f"Test flights (every tenth): R² {float(found['R² of the test rows'][0]):.3f}")
    left.legend(loc="upper left", frameon=False)
    figure.colorbar(cells, ax=left, label="flights in a cell")
    order = np.argsort(np.abs(found["effects"]))
    names = [KNOWN[int(k)].name for k in order]
    values = found["effects"][order]
    right.barh(names, values, color=np.where(values > 0, "#D55E00", "#0072B2"))
    right.set_xscale("symlog", linthresh=1.0)
    right.axvline(0, color="black", linewidth=0.8)
    right.set_xlabel("later on arrival for one standard deviation more [min]")
    right.set_title("Ridge weights, taken back through the components")
    right.grid(axis="x", alpha=0.25)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(example.run(__file__, str(__doc__), sys.argv[1:], fit, show))
