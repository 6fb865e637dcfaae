"""What classes are called by data sets and by models, brought to one set of words.

An image or place has several words at once: a malignant mass is ``malignant``, ``abnormal`` and ``mass``. A model's
class holds when its word is among them; of classes that exclude each other the most particular one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mammoviewer.base.errors import ArgumentError

NORMAL, NEGATIVE, ABNORMAL = "normal", "negative", "abnormal"
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "malignant": ("m", "cancer", "malignancy"),
    "benign": ("b",),
    "calcification": ("calc", "calcifications", "microcalcification", "microcalcifications", "mc",
                      "microcalcification cluster", "suspicious calcification"),
    "circumscribed mass": ("circ", "well-defined mass", "well defined mass"),
    "spiculated mass": ("spic",),
    "ill-defined mass": ("misc", "other mass", "ill-defined"),
    "architectural distortion": ("arch", "distortion", "architectural_distortion"),
    "asymmetry": ("asym", "focal asymmetry", "global asymmetry"),
    "mass": ("masses", "mass lesion"),
    ABNORMAL: ("finding", "any finding", "any_finding", "any", "lesion", "positive", "suspicious", "abnormality"),
    NORMAL: ("n", "healthy", "norm", "background", "normal tissue", "not abnormal"),
    NEGATIVE: ("no cancer", "no finding", "not malignant", "non-malignant"),
}  # fmt: skip
_WORD = {synonym: word for word, synonyms in _SYNONYMS.items() for synonym in (word, *synonyms)}
_RANK = tuple(_SYNONYMS)
_MASSES = ("circumscribed mass", "spiculated mass", "ill-defined mass")


def word_of(name: str) -> str:
    """Return the common word for a class or kind; the name itself, in lower case, where there is none."""
    text = " ".join(name.strip().lower().replace("_", " ").split())
    return _WORD.get(text, _WORD.get(name.strip().lower(), text))


def words_of(severity: str, kinds: Iterable[str]) -> frozenset[str]:
    """Return all words that hold for an image or a place.

    Parameters
    ----------
    severity
        "normal", "benign", "malignant" or "" where it is not known.
    kinds
        Further labels: kinds of findings, classes of the data set.
    """
    words = {word_of(kind) for kind in kinds if kind}
    if words & set(_MASSES):
        words.add("mass")
    if severity:
        words.add(severity)
    particular = words - {NORMAL, NEGATIVE}
    if severity in ("benign", "malignant") or any(word in _RANK for word in particular):
        words.add(ABNORMAL)
    if severity in ("normal", "benign"):
        words.add(NEGATIVE)
    return frozenset(words)


@dataclass(frozen=True)
class ClassMap:
    """A model's classes as words; ``known`` are the words that the data set tells anything about."""

    classes: tuple[str, ...]
    words: tuple[str, ...]
    multi_label: bool

    @property
    def normal_index(self) -> int:
        """Return the class that means that nothing is there; -1 where the model has none."""
        found = [index for index, word in enumerate(self.words) if word in (NORMAL, NEGATIVE)]
        return found[0] if found else -1

    def truth(self, words: frozenset[str]) -> tuple[int, ...] | None:
        """Return 0 or 1 for each class; ``None`` where none of classes that exclude each other holds."""
        held = [index for index, word in enumerate(self.words) if word in words]
        if not self.multi_label:
            if not held:
                return None
            held = [min(held, key=lambda index: _rank(self.words[index]))]
        return tuple(int(index in held) for index in range(len(self.words)))


def class_map(classes: Sequence[str], present: Iterable[frozenset[str]], *, multi_label: bool) -> ClassMap:
    """Return how a model's classes are told from the words of a data set.

    Parameters
    ----------
    present
        The words of each image or place.

    Raises
    ------
    ArgumentError
        A class has a name that is not known here and the data set does not use, or the data set tells of abnormal
        images but nothing of the model's classes but one.
    """
    words = tuple(word_of(name) for name in classes)
    told = set().union(*present)
    known = [word for word in words if word in told]
    foreign = [word for word in words if word not in told and word not in _RANK]
    too_few = len(known) < (1 if multi_label else 2) and (ABNORMAL in told or not known)
    if too_few or (foreign and not multi_label):
        lacking = ", ".join(name for name, word in zip(classes, words, strict=True) if word not in told)
        hint = "the data set tells: " + ", ".join(sorted(told)[:12])
        raise ArgumentError(f"the data set does not tell the model's classes {lacking}", hint=hint)
    return ClassMap(tuple(classes), words, multi_label)


def _rank(word: str) -> int:
    return _RANK.index(word) if word in _RANK else len(_SYNONYMS) - 4
