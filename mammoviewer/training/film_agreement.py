"""How far the one-pass form of a window classifier is from its windows, measured on films."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from mammoviewer.inference.model_records import DenseAgreement
from mammoviewer.training.architectures import Network
from mammoviewer.training.films import Film
from mammoviewer.training.metrics import area_under_curve

_FILMS = 4


def dense_agreement(
    network: Network, dense: nn.Module, films: Sequence[Film], window: int, stride: int
) -> DenseAgreement:
    """Compare the probabilities of the first class at every window of a few films, lesion films first.

    Where a window holds the centre of a lesion it counts as positive for the difference of the AUC, which is 0 where
    the films have no lesion.
    """
    chosen = sorted(films, key=lambda film: not film.circles)[:_FILMS]
    by_window, at_once, truth = [], [], []
    with torch.no_grad():
        for film in chosen:
            values = torch.from_numpy(film.values)
            starts = [range(0, size - window + 1, stride) for size in values.shape[1:]]
            parts = [network(_row(values, row, starts[1], window))[0][:, 0] for row in starts[0]]
            by_window.append(torch.sigmoid(torch.stack(parts)).numpy().ravel())
            at_once.append(torch.sigmoid(dense(values[None])[0, 0, : len(starts[0]), : len(starts[1])]).numpy().ravel())
            truth += [
                int(any(row <= c[0] < row + window and column <= c[1] < column + window for c in film.circles))
                for row in starts[0]
                for column in starts[1]
            ]
    first, second = (np.concatenate(parts).astype(np.float64) for parts in (by_window, at_once))
    positive = np.asarray(truth, dtype=np.int64)
    gap = area_under_curve(positive, second) - area_under_curve(positive, first)
    difference = np.abs(first - second)
    return DenseAgreement(
        spearman=float(spearmanr(first, second).statistic),
        mean_abs_dp=float(difference.mean()),
        max_abs_dp=float(difference.max()),
        auc_difference=float(gap) if np.isfinite(gap) else 0.0,
    )


def _row(values: torch.Tensor, row: int, columns: range, window: int) -> torch.Tensor:
    return torch.stack([values[:, row : row + window, column : column + window] for column in columns])
