"""The protocol of S1 with its two leaks, to show what they are worth; nothing that is published comes from here.

Leak one: every patch is augmented before the k-fold split, which draws single pictures, so that turned copies of a
training picture, and other patches of its case, are among the held-out ones. Leak two: the committee's weights are
learnt from the predictions for the very patches that the experts were trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from mammoviewer.training.architectures import Hyperparameters, MicrocalcHypermodel
from mammoviewer.training.augment import Augmentation
from mammoviewer.training.committee import fit_committee
from mammoviewer.training.kept_fits import KeptFits
from mammoviewer.training.loop import Labelled, logits_of, probabilities_of
from mammoviewer.training.metrics import area_under_curve, best_threshold
from mammoviewer.training.microcalc_data import MicrocalcData
from mammoviewer.training.microcalc_experts import Expert


def leaky_figures(
    fits: KeptFits,
    data: MicrocalcData,
    augmentation: Augmentation | None,
    parameters: Sequence[Hyperparameters],
    *,
    epochs: int,
    seed: int,
) -> dict[str, Any]:
    """Run the protocol on the development patches, one fold for each of ``parameters``; return its figures.

    ``fits`` must not augment. Each patch comes once as it is and once augmented.
    """
    from sklearn.model_selection import KFold

    original = data.part(data.development)
    generator = torch.Generator().manual_seed(seed)
    parts = torch.split(original.pictures, 64)
    copies = torch.cat([part if augmentation is None else augmentation(part, generator) for part in parts])
    everything = Labelled(torch.cat([original.pictures, copies]), torch.cat([original.labels, original.labels]))
    truth = everything.labels.numpy().astype(np.int64)
    folds = KFold(len(parameters), shuffle=True, random_state=seed).split(truth)
    experts: list[Expert] = []
    areas = []
    for number, (train, test) in enumerate(folds):
        part = everything.subset(torch.from_numpy(train))
        make = partial(MicrocalcHypermodel, parameters[number])
        expert = fits.fit(f"leaky-{number}", make, part, epochs=epochs, seed=5000 + number)
        scores = probabilities_of(logits_of(expert.network, everything.pictures[torch.from_numpy(test)]))[:, 1]
        areas.append(area_under_curve(truth[test], scores))
        experts.append(expert)
    votes = np.column_stack(
        [probabilities_of(logits_of(one.network, original.pictures))[:, 1] for one in experts],
    )
    wanted = original.labels.numpy().astype(np.int64)
    committee = votes @ fit_committee(votes, wanted).weights
    return {
        "auc_per_fold": areas,
        "auc_mean": float(np.mean(areas)),
        "committee_auc_on_training_patches": area_under_curve(wanted, committee),
        "committee_accuracy_on_training_patches": float(
            np.mean((committee >= best_threshold(wanted, committee)) == wanted)
        ),
        "pictures": len(truth),
        "epochs": epochs,
    }
