"""What a retraining's figures say to the reader, and which choice they speak for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TITLES = (
    ("before_auc", "AUC of the model before"),
    ("probe_auc", "AUC before tuning"),
    ("held_out_auc", "AUC after tuning"),
    ("positive_class_auc_95", "AUC, 95 % interval"),
    ("accuracy", "Accuracy"),
    ("majority_accuracy", "Accuracy of guessing"),
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("unit", "Held out by"),
    ("patients", "Patients"),
    ("groups", "Groups"),
    ("regions", "Regions"),
    ("note", "Note"),
)


def result_facts(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the held-out figures that a reader compares, with what they were held out by."""
    shown = ((title, _shown(metrics.get(key))) for key, title in _TITLES)
    facts = [(title, text) for title, text in shown if text]
    if metrics.get("patients") == 0:
        facts = [(title, "not known" if title == "Patients" else text) for title, text in facts]
    return facts


def speaks_for_keeping(metrics: Mapping[str, Any]) -> bool:
    """Tell whether keeping the new model is the choice to offer first.

    It is where the model is better than what there was, and where that cannot be told but nothing of the reader's own
    would be replaced.
    """
    better = metrics.get("better_than_before")
    if isinstance(better, bool):
        return better
    return not metrics.get("from_own_model")


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool | Mapping):
        return ""
    if isinstance(value, list):
        return " to ".join("?" if part is None else _shown(part) for part in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
