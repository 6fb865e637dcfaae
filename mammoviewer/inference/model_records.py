"""The records a classifier's manifest is made of; how they are read and written is in ``manifest_schema``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from mammoviewer.base.errors import ModelError
from mammoviewer.imaging.preparation_steps import PreparationStep

JsonObject: TypeAlias = Mapping[str, Any]


_ABSENT = ("negative", "normal", "background", "none")


@dataclass(frozen=True)
class ModelFile:
    """A file of the bundle: POSIX path relative to the folder, lower-case hexadecimal SHA-256, size."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelInput:
    """The input tensor; ``shape`` is (batch or None, channels, rows, columns); no pixel size means any.

    Rows and columns are None where a detection model takes an image of any size.
    """

    name: str
    shape: tuple[int | None, ...]
    pixel_size_mm: float | None
    value_range: tuple[float, float]
    dtype: str = "float32"


@dataclass(frozen=True)
class Acceptance:
    """Which images the model was made for; ``"*"`` among the views means every view."""

    kinds: tuple[str, ...]
    views: tuple[str, ...] = ("*",)
    presentation_intent: tuple[str, ...] = ("FOR PRESENTATION", "")


@dataclass(frozen=True)
class DenseAgreement:
    """How far the dense form of a model is from its patches, measured on the same windows of real images.

    Spearman's correlation of the scores, mean and largest difference of the probabilities, difference of the AUC.
    """

    spearman: float
    mean_abs_dp: float
    max_abs_dp: float
    auc_difference: float


@dataclass(frozen=True)
class Tiling:
    """Patch (rows, columns) and stride in model pixels; ``modes`` beside "patches": "dense" with its own stride.

    The dense mode needs ``dense_patch_agreement``. ``dense_halo`` is how many model pixels beyond its windows a part
    of the image must bring on every side, so that the parts give what the whole would; None: one pass over the whole.
    Of ``scales``, s looks at windows s times as large, resampled to the patch; only patches are run at several.
    """

    patch: tuple[int, int]
    stride: int
    min_breast_fraction: float = 0.1
    modes: tuple[str, ...] = ("patches",)
    dense_stride: int | None = None
    dense_patch_agreement: DenseAgreement | None = None
    dense_halo: int | None = None
    scales: tuple[float, ...] = (1.0,)

    @property
    def lacks_dense(self) -> str:
        """Return why one pass cannot stand for the patches, empty where it can."""
        if "dense" not in self.modes or self.dense_stride is None:
            return "has no dense mode"
        if self.scales != (1.0,):
            return "looks at windows of several sizes, which one dense pass cannot"
        return ""


@dataclass(frozen=True)
class ModelOutputs:
    """Output tensors and classes. One sigmoid logit over two classes belongs to ``positive_class``.

    ``operating_threshold`` decides about one patch that somebody chose. Over a whole image nearly all windows are
    normal, so marks begin at ``marking_threshold``, chosen by false marks per image; None where it was not measured.

    Three classes or more with "sigmoid" are labels that may hold together. A detection model names the tensor of its
    ``boxes`` (N, A, 4), edges (first row, first column, last row, last column) in model pixels where pixel i reaches
    from i to i + 1; its logits are (N, A, K), and its first class is the background. Its marks of one class lie at
    least ``apart_px`` model pixels apart.
    """

    logits: str
    features: str
    classes: tuple[str, ...]
    activation: str
    positive_class: str
    operating_threshold: float
    marking_threshold: float | None = None
    boxes: str = ""
    apart_px: float = 0.0

    @property
    def absence(self) -> str:
        """Return the class that says that nothing is there: the other one of two, or the first if it is called so."""
        exclusive = self.activation == "softmax" or len(self.classes) == 2
        first = next(name for name in self.classes if name != self.positive_class)
        return first if exclusive and (len(self.classes) == 2 or first in _ABSENT) else ""

    @property
    def marks_from(self) -> float:
        """Return the score from which a window of a whole image is marked."""
        return self.operating_threshold if self.marking_threshold is None else self.marking_threshold

    @property
    def positive_index(self) -> int:
        """Return the index of ``positive_class`` among the classes."""
        return self.classes.index(self.positive_class)

    @property
    def logit_count(self) -> int:
        """Return K, the number of logits the model gives."""
        return 1 if self.activation == "sigmoid" and len(self.classes) == 2 else len(self.classes)


@dataclass(frozen=True)
class CamSettings:
    """The feature tensor that is explained, the role of the gradient file (or "") and the default method."""

    features: str
    head_grad: str
    method: str


@dataclass(frozen=True)
class ModelManifest:
    """All that the program knows of a classifier. ``folder`` is where it lies; it is not written to the file.

    ``tiling`` is there for the task "patch-classification" and None for the others.
    """

    name: str
    tag: str
    title: str
    task: str
    created: str
    files: Mapping[str, ModelFile]
    input: ModelInput
    preprocessing: tuple[PreparationStep, ...]
    accepts: Acceptance
    tiling: Tiling | None
    outputs: ModelOutputs
    cam: CamSettings
    training_data: tuple[JsonObject, ...] = ()
    metrics: JsonObject = field(default_factory=dict)
    intended_use: str = ""
    parent: str | None = None
    folder: Path = Path()

    @property
    def identity(self) -> str:
        """Return ``name.tag``, which is unique in a registry."""
        return f"{self.name}.{self.tag}"

    @property
    def windows(self) -> Tiling:
        """Return how the model slides over an image.

        Raises
        ------
        ModelError
            It looks at whole images.
        """
        if self.tiling is None:
            raise ModelError(f"model {self.identity} looks at whole images: it has no windows")
        return self.tiling

    @property
    def size(self) -> tuple[int, int] | None:
        """Return (rows, columns) of what the model sees at once; None where any size will do."""
        rows, columns = self.input.shape[2:]
        return None if rows is None or columns is None else (rows, columns)

    @property
    def channels(self) -> int:
        """Return how many channels the model sees."""
        return int(self.input.shape[1] or 1)

    def file_path(self, role: str) -> Path:
        """Return the place of the file with that role."""
        return self.folder / self.files[role].path
