"""Objects made of findings before programs of other people: dicom3tools, dcmtk, highdicom and Orthanc."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import highdicom
import numpy as np
import pydicom
import pytest
from helpers import dicom_makers, exchange
from helpers.exchange import MEASURES, REGIONS, WORDS, errors_of_dciodvfy, mammogram_file, opened, spread, volume_file
from helpers.orthanc import Archive, archive

from mammoviewer.annotations.density import examination_of, new_density
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.interchange.gsps import Shown, write_gsps
from mammoviewer.annotations.interchange.importing import import_file
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.phantom_exam import write_exam
from mammoviewer.imaging.geometry import Orientation
from mammoviewer.imaging.voi import Window, apply_lut, display_lut
from mammoviewer.session.finding_formats import FINDING_FORMATS, Batch, parts_of
from mammoviewer.session.first_view import first_view
from mammoviewer.session.rendering import Rendering

pytestmark = pytest.mark.integration
KEYS = ("seg-findings", "sr", "cadsr", "gsps", "sc")


@dataclass(frozen=True)
class Made:
    images: tuple[Image, ...]
    findings: tuple[Finding, ...]
    files: dict[str, list[Path]]


def _export(images: tuple[Image, ...], findings: tuple[Finding, ...], folder: Path) -> Made:
    states = [first_view(image) for image in images]
    views = tuple(Rendering(s.image, s.frame, s.voi, orientation=s.orientation) for s in states)
    facts = [image.attributes for image in images]
    breasts = {(examination_of(f), f.view.laterality) for f in facts if f.view.laterality}
    said = tuple(new_density(*breast, "c", reader="Bell Ann") for breast in sorted(breasts))
    batch = Batch(views, tuple(image.path.stem for image in facts), findings, densities=said)
    files: dict[str, list[Path]] = {key: [] for key in KEYS}
    for form in FINDING_FORMATS:
        if form.key in KEYS:
            for stem, part in parts_of(form, batch)[0]:
                files[form.key] += form.write(part, folder / f"{stem}-{form.key}.dcm").paths
    return Made(images, findings, files)


@pytest.fixture(scope="module", params=["small", "phantom"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "phantom":
        images = opened(write_exam(folder / "in", seed=3, scale=0.125, frames=40).directory)
    else:
        images = opened(mammogram_file(folder / "in" / "a.dcm"), volume_file(folder / "in" / "b.dcm"))
    findings: tuple[Finding, ...] = ()
    for image in images:
        facts = image.attributes
        findings += spread(
            facts, REGIONS, reader="Bell^Ann", assessment="4A", note="a note\nof two lines", **exchange.DESCRIBED
        )
        findings += spread(facts, REGIONS[:2], origin="algorithm", reader="net.3", score=0.25)
        findings += spread(facts, MEASURES) + spread(facts, WORDS, note="see here")
    return _export(images, findings, folder / "out")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with archive(tmp_path_factory.mktemp("orthanc")) as found:
        yield found


@pytest.mark.parametrize("key", KEYS)
def test_the_validator_finds_no_error(made: Made, key: str) -> None:
    assert made.files[key]
    for path in made.files[key]:
        assert errors_of_dciodvfy(path) == [], path.name


@pytest.mark.parametrize("key", ["sr", "cadsr"])
def test_dcmtk_reads_the_reports(made: Made, key: str) -> None:
    if shutil.which("dsrdump") is None:
        pytest.skip("dsrdump (dcmtk) is not installed")
    for path in made.files[key]:
        done = subprocess.run(["dsrdump", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told = [
            line for line in done.stderr.splitlines() if "not support" not in line and "not yet supported" not in line
        ]
        assert told == []
        regions = len([f for f in made.findings if not f.is_measure])
        lines = len([f for f in made.findings if f.roi.kind in {r.kind for r in MEASURES}])
        # A CAD finding has its centre too, which of a point is all.
        points = len([f for f in made.findings if f.roi.kind is RoiKind.POINT])
        breasts = len({i.attributes.view.laterality for i in made.images})
        wanted = regions + lines if key == "sr" else 2 * regions - points + breasts
        assert done.stdout.count("SCOORD:") == wanted


def test_dcmtk_checks_the_presentation_states(made: Made) -> None:
    if shutil.which("dcmpschk") is None:
        pytest.skip("dcmpschk (dcmtk) is not installed")
    for path in made.files["gsps"]:
        done = subprocess.run(["dcmpschk", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert "Test passed" in done.stdout + done.stderr


def test_highdicom_reads_masks_and_report(made: Made) -> None:
    facts = {image.attributes.identity: image.attributes for image in made.images}
    for path in made.files["seg-findings"]:
        seg = highdicom.seg.segread(path)
        uid = str(seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID)
        own = [f for f in made.findings if f.image_uid == uid and not f.is_measure]
        assert seg.number_of_segments == len(own)
        for number, finding in enumerate(own, start=1):
            frame = facts[uid].file_frame(finding.frame) + 1
            options = {"segment_numbers": [number], "ignore_spatial_locations": True}
            if facts[uid].frames > 1:
                (plane,) = seg.get_pixels_by_source_frame(uid, [frame], **options)
            else:
                (plane,) = seg.get_pixels_by_source_instance([uid], **options)
            np.testing.assert_array_equal(plane[..., 0] > 0, finding.roi.mask(facts[uid].shape))
    regions = [f for f in made.findings if not f.is_measure or f.roi.kind is RoiKind.STATISTICS]
    groups = [g for p in made.files["sr"] for g in highdicom.sr.srread(p).content.get_planar_roi_measurement_groups()]
    assert len(groups) == len(regions)


@pytest.mark.parametrize("key", KEYS)
def test_an_archive_stores_each_object_and_gives_it_back_equal(made: Made, key: str, running: Archive) -> None:
    dcmsend = shutil.which("dcmsend")
    for index, path in enumerate(made.files[key]):
        before = pydicom.dcmread(path)
        if index == 0 and dcmsend is not None:
            command = [dcmsend, "-aec", "ORTHANC", "127.0.0.1", str(running.dicom), str(path)]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            name = running.find(str(before.SOPInstanceUID))
        else:
            name = running.add(path)
        back = path.with_name(f"back-{path.name}")
        back.write_bytes(running.file(name))
        assert pydicom.dcmread(back) == before
        if key != "sc":
            wanted, found = (import_file(one, made.images) for one in (path, back))
            assert found.findings
            assert [(f.id, f.frame, f.roi, f.label) for f in found.findings] == [
                (f.id, f.frame, f.roi, f.label) for f in wanted.findings
            ]
            assert {d.id: d.value for d in found.densities} == {d.id: d.value for d in wanted.densities}
            assert bool(found.densities) == (key in ("sr", "cadsr"))


@pytest.mark.parametrize("orientation", [Orientation(t, r, c) for t in (0, 1) for r in (0, 1) for c in (0, 1)], ids=str)
def test_dcmtk_turns_the_picture_and_places_the_marks_as_we_do(tmp_path: Path, orientation: Orientation) -> None:
    """dcmp2pgm renders the picture and tells the graphics that it attaches to it; it draws no graphics itself."""
    if shutil.which("dcmp2pgm") is None:
        pytest.skip("dcmp2pgm (dcmtk) is not installed")
    orientation = Orientation(*map(bool, (orientation.transpose, orientation.flip_rows, orientation.flip_columns)))
    pixels = np.zeros(exchange.SHAPE, np.uint16)
    pixels[10:16, 20:31] = 4000
    image = dicom_makers.mammogram(pixels, **{**exchange.DETAILS, "WindowCenter": 2000, "WindowWidth": 3000})
    dicom_makers.save(tmp_path / "a.dcm", image, pixels)
    facts = opened(tmp_path / "a.dcm")[0].attributes
    roi = Roi(RoiKind.RECTANGLE, ((9.5, 19.5), (15.5, 30.5)))
    voi = Window(2000, 3000)
    write_gsps(tmp_path / "pr.dcm", [new_finding(facts.identity, 0, roi, "Mass")], facts, Shown(voi, orientation))
    command = ["dcmp2pgm", "-v", "-p", str(tmp_path / "pr.dcm"), str(tmp_path / "a.dcm"), str(tmp_path / "a.pgm")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shown = np.asarray(cv2.imread(str(tmp_path / "a.pgm"), cv2.IMREAD_UNCHANGED))
    ours = apply_lut(orientation.apply(pixels), display_lut(0, 4096, voi=voi), 0)
    assert shown.shape == ours.shape
    np.testing.assert_array_equal(shown > 128, ours > 128)
    (told,) = re.findall(r"coordinates: ([^\n]*)", done.stdout + done.stderr)
    places = np.array([[float(n) for n in pair.split("\\")] for pair in told.split(",") if pair.strip()])
    rows, columns = np.nonzero(orientation.inverse().apply(shown) > 128)
    assert (places[:, 0].min(), places[:, 0].max()) == (columns.min(), columns.max() + 1)
    assert (places[:, 1].min(), places[:, 1].max()) == (rows.min(), rows.max() + 1)


def test_dcmtk_tells_the_marks_of_the_first_frame_of_the_file(tmp_path: Path) -> None:
    """dcmp2pgm tells the graphics before it goes to the frame that is asked for: those of the first one."""
    if shutil.which("dcmp2pgm") is None:
        pytest.skip("dcmp2pgm (dcmtk) is not installed")
    facts = opened(volume_file(tmp_path / "b.dcm"))[0].attributes
    findings = spread(facts, REGIONS)
    write_gsps(tmp_path / "pr.dcm", findings, facts, Shown(Window(500, 800)))
    command = ["dcmp2pgm", "-v", "-p", str(tmp_path / "pr.dcm"), str(tmp_path / "b.dcm"), str(tmp_path / "b.pgm")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (told,) = re.findall(r"coordinates: ([^\n]*)", done.stdout + done.stderr)
    places = np.array([[float(n) for n in pair.split("\\")] for pair in told.split(",") if pair.strip()])
    first = facts.frame_of_file(0)
    assert first != 0
    (finding,) = (f for f in findings if f.frame == first)
    top, left, bottom, right = finding.roi.bounding_box()
    np.testing.assert_allclose(places.min(axis=0), (left + 0.5, top + 0.5), atol=1e-3)
    np.testing.assert_allclose(places.max(axis=0), (right + 0.5, bottom + 0.5), atol=1e-3)


def test_real_mammogram(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "dicom" / "ge_essential_rmlo.dcm"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    images = opened(path)
    roi = Roi(RoiKind.ELLIPSE, ((1400.25, 600.5), (1500.75, 760.0)))
    findings = (new_finding(images[0].attributes.identity, 0, roi, "Mass", reader="Ann"),)
    made = _export(images, findings, tmp_path)
    for key in KEYS:
        for file in made.files[key]:
            assert errors_of_dciodvfy(file) == [], key
            if key != "sc":
                (found,) = import_file(file, images).findings
                np.testing.assert_allclose(
                    found.roi.bounding_box(), roi.bounding_box(), atol=1.0 if key == "seg-findings" else 1e-3
                )
