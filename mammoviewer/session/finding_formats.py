"""The forms in which findings go to other programs: what each is called, what it needs, and how it is written."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from mammoviewer.annotations.density import BreastDensity, is_of
from mammoviewer.annotations.finding import Finding
from mammoviewer.annotations.interchange.cad_sr import write_cad_sr
from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.dbtex import write_dbtex_predictions, write_dbtex_truth
from mammoviewer.annotations.interchange.dicom_parts import why_no_object
from mammoviewer.annotations.interchange.gsps import Shown, write_gsps
from mammoviewer.annotations.interchange.label_masks import write_masks
from mammoviewer.annotations.interchange.labelme import write_labelme
from mammoviewer.annotations.interchange.measurement_csv import write_measurement_csv
from mammoviewer.annotations.interchange.measurement_sr import write_measurement_sr
from mammoviewer.annotations.interchange.named_images import frame_stem
from mammoviewer.annotations.interchange.secondary_capture import write_secondary_capture
from mammoviewer.annotations.interchange.seg_findings import why_no_segmentation, write_findings_seg
from mammoviewer.annotations.interchange.transfer import Losses, Written
from mammoviewer.annotations.interchange.vindr import write_vindr
from mammoviewer.annotations.interchange.yolo import class_names, write_classes, write_yolo
from mammoviewer.base.arrays import ByteArray
from mammoviewer.base.errors import ExportError
from mammoviewer.datasets.patch_file import why_no_patch_file, write_patch_file
from mammoviewer.datasets.patch_set import joined
from mammoviewer.datasets.regions import Box, LabelledRegion, first_pixel, patches_from_regions
from mammoviewer.dicom.attributes import ImageAttributes, ImageKind
from mammoviewer.dicom.image import Image
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.session.measuring import line_text
from mammoviewer.session.rendering import Rendering, render, write_picture

BINARY_SEG = "seg-findings"
_UNLABELLED = "unlabelled"
_WARNING = "NOT FOR DIAGNOSIS"


class Scope(enum.StrEnum):
    """What one file, or folder of files, is of."""

    IMAGE = "image"
    STUDY = "study"
    EVERYTHING = "everything"


@dataclass(frozen=True, eq=False)
class Batch:
    """Images with how each is shown, the names their files begin with, all findings and breast densities.

    ``by_class`` and ``patch_px`` are what may be chosen of DICOM SEG and of HDF5 patches.
    """

    views: tuple[Rendering, ...]
    stems: tuple[str, ...]
    findings: tuple[Finding, ...]
    by_class: bool = False
    patch_px: int = 256
    densities: tuple[BreastDensity, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """The images."""
        return tuple(view.image for view in self.views)

    @property
    def facts(self) -> tuple[ImageAttributes, ...]:
        """What is known of the images."""
        return tuple(view.image.attributes for view in self.views)

    def of(self, identity: str) -> tuple[Finding, ...]:
        """Return the findings of an image."""
        return tuple(finding for finding in self.findings if finding.image_uid == identity)

    def part(self, indices: Sequence[int]) -> Batch:
        """Return some of the images with their findings."""
        views = tuple(self.views[index] for index in indices)
        identities = {view.image.attributes.identity for view in views}
        kept = tuple(finding for finding in self.findings if finding.image_uid in identities)
        facts = [view.image.attributes for view in views]
        said = tuple(density for density in self.densities if any(is_of(density, image) for image in facts))
        stems = tuple(self.stems[index] for index in indices)
        return replace(self, views=views, stems=stems, findings=kept, densities=said)


@dataclass(frozen=True)
class FindingFormat:
    """One form: key, title, ending of its file (empty for a folder), what a file is of, and how it is written.

    ``unfit`` returns why an image cannot have it; ``measures`` tells whether measures alone are worth a file,
    ``densities`` whether it holds the densities of breasts.
    """

    key: str
    title: str
    suffix: str
    scope: Scope
    write: Callable[[Batch, Path], Written]
    unfit: Callable[[ImageAttributes], str]
    measures: bool = False
    densities: bool = False


def _fits(_image: ImageAttributes) -> str:
    return ""


def _volumes_only(image: ImageAttributes) -> str:
    return "" if image.kind is ImageKind.TOMO else "not a tomosynthesis"


def _flat_only(image: ImageAttributes) -> str:
    return "" if image.frames == 1 else "not a 2-D image"


def _with_library(_image: ImageAttributes) -> str:
    return why_no_patch_file()


def _seg(batch: Batch, path: Path) -> Written:
    facts = batch.facts[0]
    return Written((path,), write_findings_seg(path, batch.of(facts.identity), facts, by_class=batch.by_class))


def _sr(batch: Batch, path: Path) -> Written:
    return Written((path,), write_measurement_sr(path, batch.findings, batch.images, batch.densities))


def _cad(batch: Batch, path: Path) -> Written:
    return Written((path,), write_cad_sr(path, batch.findings, batch.facts, batch.densities))


def _gsps(batch: Batch, path: Path) -> Written:
    view, facts = batch.views[0], batch.facts[0]
    findings = batch.of(facts.identity)
    texts = {f.id: text for f in findings if f.is_measure and (text := line_text(f.roi, facts))}
    shown = Shown(view.voi, view.orientation, view.inverted)
    return Written((path,), write_gsps(path, findings, facts, shown, texts))


def _sc(batch: Batch, path: Path) -> Written:
    """Write a picture of each frame with findings, else of the frame that is shown."""
    view, facts = batch.views[0], batch.facts[0]
    findings = batch.of(facts.identity)
    frames = sorted({finding.frame for finding in findings}) or [view.frame]
    paths = []
    for frame in frames:
        own = view.heat if frame == view.frame else None
        marks = view.marks if frame == view.frame else ()
        drawn = [finding for finding in findings if finding.frame == frame]
        whole = replace(view, frame=frame, heat=own, marks=marks, patch=None, findings=drawn, bits=8, size=None)
        picture = _with_warning(render(replace(whole, region=None, slab=None)))
        place = path if len(frames) == 1 else path.with_name(f"{frame_stem(path.stem, facts, frame)}{path.suffix}")
        write_secondary_capture(place, picture, facts, frame=frame, orientation=view.orientation)
        paths.append(place)
    return Written(tuple(paths))


def _with_warning(picture: np.ndarray) -> ByteArray:
    """Return a picture with the warning at its lower edge, on black so that it can be read on any grey."""
    shown: ByteArray = np.ascontiguousarray(picture, dtype=np.uint8)
    if shown.ndim == 2:
        shown = np.repeat(shown[:, :, None], 3, axis=2)
    scale = max(0.3, shown.shape[0] / 2000)
    (width, height), base = cv2.getTextSize(_WARNING, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    bottom = shown.shape[0] - 1
    cv2.rectangle(shown, (0, bottom - height - 2 * base), (width + 2 * base, bottom), (0, 0, 0), -1)
    cv2.putText(shown, _WARNING, (base, bottom - base), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1)
    return shown


def _coco_masks(batch: Batch, path: Path) -> Written:
    return Written((path,), write_coco(path, batch.findings, batch.facts, masks=True))


def _dbtex(batch: Batch, path: Path) -> Written:
    predictions, truth = path / "predictions.csv", path / "truth.csv"
    scored = tuple(f for f in batch.findings if f.score is not None and not f.is_measure)
    others = tuple(f for f in batch.findings if f.score is None or f.is_measure)
    losses = write_dbtex_predictions(predictions, scored, batch.images)
    losses.update(write_dbtex_truth(truth, others, batch.images))
    return Written((predictions, truth), losses)


def _vindr(batch: Batch, path: Path) -> Written:
    return Written((path,), write_vindr(path, batch.findings, batch.facts, batch.densities))


def _csv(batch: Batch, path: Path) -> Written:
    return Written((path,), write_measurement_csv(path, batch.findings, batch.images, batch.densities))


def _masks(batch: Batch, path: Path) -> Written:
    return _each_image(batch, lambda stem, facts: write_masks(path, stem, batch.of(facts.identity), facts))


def _labelme(batch: Batch, path: Path) -> Written:
    def write(view: Rendering, frame: int, stem: str) -> Written:
        facts = view.image.attributes
        picture = _write_plain(view, frame, path / f"{stem}.png")
        place = path / f"{stem}.json"
        losses = write_labelme(place, batch.of(facts.identity), facts, frame, picture.name)
        return Written((place, picture), losses)

    return _each_frame(batch, write)


def _yolo(batch: Batch, path: Path) -> Written:
    names = class_names(batch.findings)

    def write(view: Rendering, frame: int, stem: str) -> Written:
        facts = view.image.attributes
        picture = _write_plain(view, frame, path / "images" / f"{stem}.png")
        place = path / "labels" / f"{stem}.txt"
        return Written((place, picture), write_yolo(place, batch.of(facts.identity), facts, frame, names))

    written = _each_frame(batch, write)
    return Written((*write_classes(path, names), *written.paths), written.losses)


def _write_plain(view: Rendering, frame: int, path: Path) -> Path:
    """Write a frame without marks as it is stored, which is what coordinates are of."""
    plain = Rendering(view.image, frame, view.voi, inverted=view.inverted, orientation=Orientation())
    write_picture(path, render(plain))
    return path


def _each_frame(batch: Batch, write: Callable[[Rendering, int, str], Written]) -> Written:
    """Write every frame that has regions."""
    paths: list[Path] = []
    losses: Losses = Counter()
    for view, stem in zip(batch.views, batch.stems, strict=True):
        facts = view.image.attributes
        findings = batch.of(facts.identity)
        frames = sorted({finding.frame for finding in findings if not finding.is_measure})
        for finding in findings:
            if finding.is_measure and finding.frame not in frames:
                losses[f"{finding.roi.kind.value} marks on frames without regions"] += 1
        for frame in frames:
            written = write(view, frame, frame_stem(stem, facts, frame))
            paths += written.paths
            losses.update(written.losses)
    if not paths:
        raise ExportError("there are no regions on these images", hint="measures are no labels")
    return Written(tuple(paths), losses)


def _each_image(batch: Batch, write: Callable[[str, ImageAttributes], Written]) -> Written:
    paths: list[Path] = []
    losses: Losses = Counter()
    for stem, facts in zip(batch.stems, batch.facts, strict=True):
        own = batch.of(facts.identity)
        if all(finding.is_measure for finding in own):
            losses.update(Counter(f"{f.roi.kind.value} marks, which a mask does not hold" for f in own))
            continue
        written = write(stem, facts)
        paths += written.paths
        losses.update(written.losses)
    if not paths:
        raise ExportError("there are no regions on these images", hint="measures are no labels")
    return Written(tuple(paths), losses)


def _hdf5(batch: Batch, path: Path) -> Written:
    """Write a patch around each region in stored values; patients are numbered, as their names must not travel."""
    losses: Losses = Counter()
    regions = [f for f in batch.findings if not f.is_measure]
    losses.update(Counter(f"{f.roi.kind.value} marks, which are no labels" for f in batch.findings if f.is_measure))
    if not regions:
        raise ExportError("there are no regions on these images", hint="measures are no labels")
    classes = tuple(sorted({finding.label or _UNLABELLED for finding in regions}))
    patients = _patient_names(batch.facts)
    parts, places, patch = [], [], (batch.patch_px, batch.patch_px)
    for image in batch.images:
        facts = image.attributes
        for frame in sorted({f.frame for f in regions if f.image_uid == facts.identity}):
            values = image.frame(frame).astype(np.float32)
            cut = [
                LabelledRegion(values, f.roi.bounding_box(), f.label or _UNLABELLED, patients[facts.identity], f.id)
                for f in regions
                if (f.image_uid, f.frame) == (facts.identity, frame)
            ]
            parts.append(patches_from_regions(cut, classes, patch=patch, crops=1, seed=0))
            stored = facts.frame_order[frame] if facts.frame_order else frame
            places += [(stored, *first_pixel(_middle(region.box), patch)) for region in cut]
    facts_of_it = {"patch_px": batch.patch_px, "values": "stored", "pixel": "of the image"}
    write_patch_file(path, joined(parts), places=places, **facts_of_it)
    return Written((path,), losses)


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _patient_names(images: Sequence[ImageAttributes]) -> Mapping[str, str]:
    numbers: dict[str, int] = {}
    names = {}
    for image in images:
        key = image.PatientID or image.StudyInstanceUID or image.identity
        names[image.identity] = f"patient-{numbers.setdefault(key, len(numbers) + 1)}"
    return names


FINDING_FORMATS: tuple[FindingFormat, ...] = (
    FindingFormat(BINARY_SEG, "Findings, DICOM SEG (binary)", ".dcm", Scope.IMAGE, _seg, why_no_segmentation),
    FindingFormat(
        "sr",
        "Findings and measures, DICOM SR (TID 1500)",
        ".dcm",
        Scope.STUDY,
        _sr,
        why_no_object,
        measures=True,
        densities=True,
    ),
    FindingFormat("cadsr", "Findings, Mammography CAD SR", ".dcm", Scope.STUDY, _cad, why_no_object, densities=True),
    FindingFormat(
        "gsps", "All marks, DICOM presentation state", ".dcm", Scope.IMAGE, _gsps, why_no_object, measures=True
    ),
    FindingFormat(
        "sc", "Picture with marks, DICOM Secondary Capture", ".dcm", Scope.IMAGE, _sc, why_no_object, measures=True
    ),
    FindingFormat("coco-rle", "Masks, COCO run lengths", ".coco-rle.json", Scope.EVERYTHING, _coco_masks, _fits),
    FindingFormat("dbtex", "Boxes, DBTex tables", "", Scope.EVERYTHING, _dbtex, _volumes_only),
    FindingFormat(
        "vindr", "Boxes, VinDr-Mammo table", ".vindr.csv", Scope.EVERYTHING, _vindr, _flat_only, densities=True
    ),
    FindingFormat("yolo", "Boxes and pictures, YOLO", "", Scope.EVERYTHING, _yolo, _fits),
    FindingFormat("labelme", "Regions and pictures, labelme", "", Scope.EVERYTHING, _labelme, _fits),
    FindingFormat("masks", "Masks, PNG or TIFF", "", Scope.EVERYTHING, _masks, _fits),
    FindingFormat("hdf5", "Patches with labels, HDF5", ".h5", Scope.EVERYTHING, _hdf5, _with_library),
    FindingFormat(
        "csv", "Findings and measures, CSV", ".csv", Scope.EVERYTHING, _csv, _fits, measures=True, densities=True
    ),
)
"""Every form of findings but JSON and COCO outlines, in the order in which a dialog offers them."""


def parts_of(form: FindingFormat, batch: Batch) -> tuple[list[tuple[str, Batch]], Losses]:
    """Return what is written file by file, each with the name it begins with, and what no file can have.

    Images that the form does not fit and images without findings are left out; the findings of the former are counted.
    """
    losses: Losses = Counter()
    fitting = []
    for index, facts in enumerate(batch.facts):
        reason, count = form.unfit(facts), len(batch.of(facts.identity))
        dense = form.densities and any(is_of(density, facts) for density in batch.densities)
        if reason and count:
            losses[f"findings of images that are left out: {reason}"] += count
        elif not reason and (dense or form.measures * count or any(not f.is_measure for f in batch.of(facts.identity))):
            fitting.append(index)
        elif count:
            losses[f"measures and marks, which {form.key} does not hold"] += count
    held = batch.part(fitting).densities if form.densities else ()
    why = "of images that are left out" if form.densities else f"which {form.key} does not hold"
    losses[f"breast densities, {why}"] += len(batch.densities) - len(held)
    losses = +losses
    if form.scope is Scope.IMAGE:
        return [(batch.stems[index], batch.part([index])) for index in fitting], losses
    if form.scope is Scope.EVERYTHING:
        return ([("findings", batch.part(fitting))] if fitting else []), losses
    studies: dict[tuple[str, str], list[int]] = {}
    for index in fitting:
        studies.setdefault((batch.facts[index].StudyInstanceUID, batch.facts[index].PatientID), []).append(index)
    return [(batch.stems[indices[0]], batch.part(indices)) for indices in studies.values()], losses
