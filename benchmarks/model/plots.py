"""Curves of strong and weak scaling, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.model.predict import Prediction

Curves = Mapping[str, Sequence[Prediction]]


def plot(curves: Curves, title: str, path: Path, *, ideal: str | None) -> None:
    """Draw seconds over ranks, both logarithmic; ``ideal`` names the curve whose perfect scaling is drawn dotted."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
    for number, (name, points) in enumerate(curves.items()):
        # The colours come round again: another line tells them apart.
        style = ("-", "--")[number // 10 % 2]
        ranks, seconds = [point.ranks for point in points], [point.seconds for point in points]
        axes.plot(ranks, seconds, style, marker=".", label=name)
    if ideal is not None:
        first = curves[ideal][0]
        ranks = [point.ranks for point in curves[ideal]]
        axes.plot(ranks, [first.seconds * first.ranks / each for each in ranks], "k:", label=f"ideal {ideal}")
    axes.set(xscale="log", yscale="log", xlabel="ranks", ylabel="seconds (predicted)", title=title)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_shares(curves: Curves, title: str, path: Path) -> None:
    """Draw what of each workload's time is computation, what communication and what software."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(3.4 * len(curves), 3.4), layout="constrained")
    for axes, (name, points) in zip(panels, curves.items(), strict=True):
        ranks = [str(point.ranks) for point in points]
        shares = [
            (
                point.computation / total,
                (point.communication - point.overlapped) / total,
                point.software / total,
            )
            for point in points
            for total in [point.seconds]
        ]
        computation, communication, software = zip(*shares, strict=True)
        axes.stackplot(ranks, computation, communication, software)
        axes.set(title=name, ylim=(0, 1), xlabel="ranks")
        axes.tick_params("x", rotation=90, labelsize="small")
    figure.suptitle(title)
    figure.legend(["computation", "communication", "software"], loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
