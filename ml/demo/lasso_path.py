"""Which columns tell the delay on arrival? The path of the lasso on every rank: ``python ml/demo/lasso_path.py``.

The weights of ``array_api_dist_ml.lasso_path`` for a hundred penalties, at the communication of one fit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import example
import matplotlib as mpl
import numpy as np
from example import KNOWN, Floats
from report import COLORS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from array_api_dist_ml import lasso_path

mpl.use("Agg")
from matplotlib import pyplot as plt

STYLES = ("-", "--")


def fit(xp: Any, table: Any) -> dict[str, Floats]:
    """Return the penalties and the weights, in minutes for one standard deviation of a column."""
    X, y = example.split_columns(xp, table)
    X = (X - xp.mean(X, axis=0)) / xp.std(X, axis=0)
    alphas, coefs, _ = lasso_path(X, y, eps=1e-4, fit_intercept=True, tol=1e-8)
    return {"alphas": np.asarray(alphas), "coefs": np.asarray(coefs)}


def show(found: dict[str, Floats], output: Path, console: Console) -> None:
    """Print when each column enters, and save the picture."""
    alphas, coefs = found["alphas"], found["coefs"]
    entry = [int(np.argmax(row != 0)) if row.any() else len(alphas) for row in coefs]
    table = Table(title="Columns in the order of their entry", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("column")
    table.add_column("enters at alpha", justify="right")
    table.add_column(r"last weight \[min per standard deviation]", justify="right")
    for k in sorted(range(len(coefs)), key=entry.__getitem__):
        when = f"{alphas[entry[k]]:.4g}" if entry[k] < len(alphas) else "never"
        table.add_row(KNOWN[k].name, when, f"{coefs[k, -1]:.3f}")
    console.print(table)
    path = output / "lasso-path.png"
    draw(found, path)
    console.print(f"picture: {path}", soft_wrap=True)


def draw(found: dict[str, Floats], path: Path) -> None:
    """Save a picture of the weights over the penalty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    alphas, coefs = found["alphas"], found["coefs"]
    figure, axes = plt.subplots(figsize=(10, 6.5), layout="constrained")
    order = sorted(range(len(coefs)), key=lambda k: -coefs[k, -1])
    for number, k in enumerate(order):
        style = STYLES[number // len(COLORS) % len(STYLES)]
        axes.plot(
            alphas,
            coefs[k],
            color=COLORS[number % len(COLORS)],
            linestyle=style,
            linewidth=1.6,
            label=KNOWN[k].name,
        )
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_yscale("symlog", linthresh=1.0)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlabel("penalty alpha (less to the right)")
    axes.set_ylabel("weight [min per standard deviation of the column]")
    axes.set_title("The lasso path of the delay on arrival, from what is known at departure")
    axes.grid(alpha=0.25)
    axes.legend(title="columns, by last weight", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(example.run(__file__, str(__doc__), sys.argv[1:], fit, show))
