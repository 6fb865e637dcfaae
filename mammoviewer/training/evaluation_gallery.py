"""What a model looked at where it was surest, rightly and wrongly: pictures with class activation maps for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from mammoviewer.base.arrays import ByteArray, FloatArray
from mammoviewer.imaging.colormaps import heatmap_layer
from mammoviewer.inference.cam_maps import Explainer
from mammoviewer.inference.onnx_session import OnnxModel
from mammoviewer.training.report_html import png_text

OUTCOMES = ("true positive", "false positive", "false negative", "true negative")
PER_OUTCOME = 3
_SIDE_PX = 220


@dataclass(frozen=True, eq=False)
class _Example:
    name: str
    score: float
    values: FloatArray


@dataclass
class Gallery:
    """Keeps the few surest examples of each outcome for the positive class of a model."""

    model: OnnxModel
    kept: dict[str, list[_Example]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})

    def offer(self, name: str, truth: Sequence[int], scores: Sequence[float], values: FloatArray) -> None:
        """Show one unit: its truth and scores per class, and what the model saw, (channels, rows, columns)."""
        outputs = self.model.manifest.outputs
        index = outputs.positive_index
        single = outputs.activation != "sigmoid" and len(outputs.classes) > 2
        score = float(scores[index])
        decided = int(np.argmax(scores)) == index if single else score >= outputs.operating_threshold
        outcome = OUTCOMES[(0 if decided else 2) if truth[index] else (1 if decided else 3)]
        examples = self.kept[outcome]
        examples.append(_Example(name, score, values))
        examples.sort(key=lambda example: -example.score if decided else example.score)
        if len(examples) > PER_OUTCOME:
            examples.pop()

    def pictures(self) -> list[dict[str, str]]:
        """Return captions and pictures in base64, each beside itself with the map of the positive class over it.

        Raises
        ------
        ModelError
            The model cannot be explained.
        """
        explainer = Explainer(self.model)
        found = []
        for outcome, examples in self.kept.items():
            for example in examples:
                maps, _ = explainer.maps(example.values[None])
                rows, columns = example.values.shape[1:]
                spread = explainer.places(maps[0], (rows, columns)).spread(maps[0], (rows, columns))
                caption = f"{outcome}, {example.name}: {example.score:.3f} ({explainer.method})"
                found.append({"caption": caption, "png": png_text(overlaid(example.values[0], spread))})
        return found


def overlaid(values: FloatArray, cam: FloatArray) -> ByteArray:
    """Return a picture (rows, columns) beside itself with a map of any size over it, uint8 RGB.

    Grey runs from the smallest value to the largest, the map from 0 to its largest value.
    """
    rows, columns = values.shape
    scale = _SIDE_PX / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    spread = float(values.max() - values.min()) or 1.0
    grey = (cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_AREA) - values.min()) / spread
    picture = np.repeat((grey.clip(0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
    highest = float(cam.max())
    if highest <= 0:
        return np.concatenate([picture, picture], axis=1)
    heat = cv2.resize((cam / highest).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    layer = heatmap_layer(heat, threshold=0.2)
    alpha = layer[..., 3:].astype(np.float32) / 255
    covered = (picture * (1 - alpha) + layer[..., :3] * alpha).astype(np.uint8)
    return np.concatenate([picture, covered], axis=1)
