"""Ten findings on the phantom exam by mouse and keys in the real window; SR, SEG and COCO then hold exactly those."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path

import highdicom
import numpy as np
import pytest
from PySide6.QtCore import QSettings

from mammoviewer.annotations.interchange.coco import write_coco
from mammoviewer.annotations.interchange.coded_terms import label_code
from mammoviewer.annotations.interchange.importing import import_file
from mammoviewer.annotations.roi import RoiKind
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.dicom.reader import open_paths
from mammoviewer.gui.main_window import MainWindow
from mammoviewer.session.finding_formats import FINDING_FORMATS, Batch, parts_of
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering
from mammoviewer.session.settings import SettingsFile

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "ten_findings.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("ten_findings", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ten_findings"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exam(tmp_path_factory) -> Path:
    return write_exam(tmp_path_factory.mktemp("exam"), seed=3, scale=0.125, frames=40).directory


@pytest.fixture
def hand(script, exam, workspace, qtbot, tmp_path):
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "qt"))
    window = MainWindow(workspace, SettingsFile(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1600, 960)
    window.show()
    window.activateWindow()
    workspace.add(open_paths([exam]))
    qtbot.waitUntil(lambda: len(window.grid.viewports) >= 4 and window.grid.isVisible(), timeout=60000)
    qtbot.waitUntil(lambda: all(not v.follower.waiting for v in window.grid.viewports), timeout=60000)
    return script.walk(window)


def test_ten_findings_take_less_than_five_minutes_and_travel_exactly(hand, workspace, tmp_path) -> None:
    findings = workspace.annotations.findings
    views = {image.attributes.identity: image.attributes.view.label for image in workspace.images}
    assert len(findings) == len(hand.drawn) == 10
    for finding, drawn in zip(findings, hand.drawn, strict=True):
        assert (views[finding.image_uid], finding.roi.kind, finding.label) == (drawn.view, drawn.kind, drawn.label)
        np.testing.assert_allclose(finding.roi.points, drawn.points, atol=1e-6)
    assert hand.seconds < 300
    _check_report(workspace, findings, tmp_path)
    _check_masks(workspace, findings, tmp_path)
    _check_coco(workspace, findings, tmp_path)


def _files(key: str, workspace, findings, folder: Path) -> list[Path]:
    states = [first_view(image) for image in workspace.images]
    views = tuple(Rendering(s.image, s.frame, s.voi, orientation=s.orientation) for s in states)
    batch = Batch(views, tuple(str(n) for n in range(len(views))), findings)
    form = next(form for form in FINDING_FORMATS if form.key == key)
    return [p for stem, part in parts_of(form, batch)[0] for p in form.write(part, folder / f"{stem}-{key}.dcm").paths]


def _check_report(workspace, findings, folder: Path) -> None:
    """The report read by another library: image, class and coordinates of each finding, and no more."""
    (path,) = _files("sr", workspace, findings, folder)
    groups = highdicom.sr.srread(path).content.get_planar_roi_measurement_groups()
    told = []
    for group in groups:
        graphic = group.roi
        uid = str(graphic.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        told.append((uid, group.finding_type.value, graphic.value.astype(np.float64)))
    assert Counter((uid, code) for uid, code, _ in told) == Counter(
        (f.image_uid, label_code(f.label).value) for f in findings
    )
    back = {finding.id: finding for finding in import_file(path, workspace.images).findings}
    assert set(back) == {finding.id for finding in findings}
    for finding in findings:
        found = back[finding.id]
        assert (found.image_uid, found.label) == (finding.image_uid, finding.label)
        np.testing.assert_allclose(found.roi.bounding_box(), finding.roi.bounding_box(), atol=1e-3)
    for uid, code, data in told:
        own = [f for f in findings if (f.image_uid, label_code(f.label).value) == (uid, code)]
        # A report measures from the outer corner of the first pixel, (column, row).
        boxes = [np.array(f.roi.bounding_box())[[1, 0, 3, 2]] + 0.5 for f in own]
        box = np.concatenate([data.min(axis=0), data.max(axis=0)])
        assert min(np.abs(box - wanted).max() for wanted in boxes) < 1e-3


def _check_masks(workspace, findings, folder: Path) -> None:
    """The segments read by another library: the pixels of each finding, and no more."""
    count = 0
    shapes = {image.attributes.identity: image.attributes.shape for image in workspace.images}
    for path in _files("seg-findings", workspace, findings, folder):
        seg = highdicom.seg.segread(path)
        uid = str(seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID)
        own = [finding for finding in findings if finding.image_uid == uid]
        assert seg.number_of_segments == len(own)
        for number, finding in enumerate(own, start=1):
            (plane,) = seg.get_pixels_by_source_instance([uid], segment_numbers=[number], ignore_spatial_locations=True)
            np.testing.assert_array_equal(plane[..., 0] > 0, finding.roi.mask(shapes[uid]))
            described = seg.get_segment_description(number)
            assert described.segmented_property_type.value == label_code(finding.label).value
            count += 1
    assert count == 10


def _check_coco(workspace, findings, folder: Path) -> None:
    """The document read as any other program does: class, image and box of each finding, and no more."""
    images = [image.attributes for image in workspace.images]
    write_coco(folder / "f.json", findings, images)
    document = json.loads((folder / "f.json").read_text())
    names = {entry["id"]: entry["name"] for entry in document["categories"]}
    assert len(document["annotations"]) == 10
    for entry, finding in zip(document["annotations"], findings, strict=True):
        assert names[entry["category_id"]] == finding.label
        left, top, width, height = entry["bbox"]
        first_row, first_column, last_row, last_column = np.array(finding.roi.bounding_box()) + 0.5
        if finding.roi.kind is RoiKind.POINT:
            assert (left, top) == (np.floor(first_column), np.floor(first_row))
            continue
        np.testing.assert_allclose(
            (left, top, left + width, top + height), (first_column, first_row, last_column, last_row), atol=1e-2
        )
