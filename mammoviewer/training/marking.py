"""From which score a model marks whole images: chosen by false marks per image, kept in its folder with the figures.

The operating threshold comes from patches of which about half are positive; of the windows of a whole image nearly none
is. What marks there are is counted by ``benchmarks/marks_per_image.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mammoviewer.base.errors import TrainingError
from mammoviewer.base.paths import write_text_atomically
from mammoviewer.inference.manifest import CARD_NAME, ModelManifest, load_manifest, verify_files, write_manifest

MOST_FALSE_MARKS = 1.0
"""False marks per phantom mammogram, on average, that the threshold lets through."""
WHOLE_IMAGES = "whole_images"
"""Under this name the figures stand among the metrics of the manifest."""
UNMEASURED = """## On whole images
How many places of a whole image this model marks has not been measured: marks begin at the operating threshold.
"""

_VIEWS = 4
_SECTION = re.compile(r"^## On whole images\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class MarkFigures:
    """Marks from ``threshold`` on, counted on images that did not choose it; means are per image.

    Attributes
    ----------
    phantom_views, phantom_false_marks, phantom_clusters, phantom_clusters_found
        Phantom mammograms, false marks on each, their clusters, and the share of the clusters that is marked.
    normal_films, normal_film_marks
        Normal films of mini-MIAS, and marks on each: all false.
    calcifications, calcifications_found
        Places that mini-MIAS lists as calcifications, and the share that is marked.
    unknown_images, unknown_image_marks
        Real images without a truth, and marks on each.
    """

    threshold: float
    phantom_views: int
    phantom_false_marks: float
    phantom_clusters: int
    phantom_clusters_found: float
    normal_films: int
    normal_film_marks: float
    calcifications: int
    calcifications_found: float
    unknown_images: int
    unknown_image_marks: float


def lowest_threshold(thresholds: Sequence[float], false_marks: Mapping[float, float]) -> float:
    """Return the lowest threshold with at most :data:`MOST_FALSE_MARKS`.

    Parameters
    ----------
    thresholds
        Those to choose from.
    false_marks
        Mean number of false marks per image from each of them on.

    Raises
    ------
    TrainingError
        None is high enough.
    """
    good = [threshold for threshold in thresholds if false_marks[threshold] <= MOST_FALSE_MARKS]
    if not good:
        raise TrainingError(f"no threshold leaves {MOST_FALSE_MARKS:g} false marks per image or fewer")
    return min(good)


def write_marking(folder: Path, figures: MarkFigures, *, command: str) -> ModelManifest:
    """Put the threshold and its figures into a model folder, manifest and card; return the new manifest.

    Raises
    ------
    ModelError
        The folder holds no sound model.
    TrainingError
        Its card cannot be read or written.
    """
    manifest = load_manifest(folder)
    verify_files(manifest)
    path = folder / CARD_NAME
    try:
        card = _SECTION.sub("", path.read_text(encoding="utf-8"))
        before, limits, after = card.partition("## Limits\n")
        write_text_atomically(path, f"{before.rstrip()}\n\n{card_section(figures, command)}\n{limits}{after}")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError("the model card cannot be changed", path=path) from error
    measured = replace(
        manifest,
        outputs=replace(manifest.outputs, marking_threshold=figures.threshold),
        metrics={**manifest.metrics, WHOLE_IMAGES: asdict(figures)},
    )
    write_manifest(folder, measured)
    return measured


def card_section(figures: MarkFigures, command: str) -> str:
    """Return what the card says of whole images."""
    f = figures
    exams = f.phantom_views // _VIEWS
    clusters = f"{f.phantom_clusters_found:.0%} of {f.phantom_clusters} clusters"
    listed = f"{f.calcifications_found:.0%} of {f.calcifications} listed places"
    return f"""## On whole images
Marks begin at {f.threshold:g}, the lowest threshold at which the mammograms of {exams} phantom exams had on average
{MOST_FALSE_MARKS:g} false mark or fewer. A mark is false unless it lies within the radius + 5 mm of a true place. As
many phantom exams of other seeds (together densities A to D) and films of other patients, counted once the threshold
stood, gave:

| images | false marks per image | true places marked |
|---|---|---|
| {f.phantom_views} phantom mammograms | {f.phantom_false_marks:.2f} | {clusters} |
| {f.normal_films} normal films of mini-MIAS | {f.normal_film_marks:.1f} | |
| films of mini-MIAS with calcifications | not counted | {listed} |
| {f.unknown_images} real images without a truth | {f.unknown_image_marks:.1f} marks, true or false | |

Phantom clusters are easier than real ones, and films scanned at 0.2 mm show little of a speck: take these figures for
the amount of false marks, not for the share of cancers found.
How the air is filled, the stride and the blending of windows were settled on the images that chose the threshold and
on those without a truth, whose figure is a little too good for that.
Counted by `{command}`.
"""
