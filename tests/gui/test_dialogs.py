"""Export, pixel size, about, defect, jobs."""

from pathlib import Path

import pytest
from helpers.images import make_image
from PySide6.QtWidgets import QDialogButtonBox, QLabel, QPlainTextEdit
from pytestqt.qtbot import QtBot

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import AnnotationError, MammoViewerError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.gui.dialogs.about_dialog import AboutDialog
from mammoviewer.gui.dialogs.export_dialog import ExportDialog
from mammoviewer.gui.dialogs.jobs_dialog import JobsDialog, job_text, log_tail
from mammoviewer.gui.dialogs.open_raster_dialog import OpenRasterDialog, rasters
from mammoviewer.gui.error_report import DefectDialog, ErrorReport
from mammoviewer.jobs.job import Job
from mammoviewer.session.exporting import FORMATS, ExportContent, why_not
from mammoviewer.session.first_view import first_view
from mammoviewer.session.opened import PictureView
from mammoviewer.session.rendering import Rendering

EXPLANATIONS = ("camnpy", "camcsv", "camseg")


def make_export(qtbot: QtBot, *, heat: bool, regions: bool) -> ExportDialog:
    image = make_image(kind=ImageKind.MAMMOGRAM)
    finding = new_finding(image.attributes.identity, 0, Roi(RoiKind.RECTANGLE, ((1, 1), (9, 9))), "Mass")
    heatmaps = {0: object()} if heat else {}
    view = Rendering(image, 0, first_view(image).voi)
    content = ExportContent(view, heatmaps, (finding,) if regions else ())  # type: ignore[arg-type]
    reasons = {form.key: why_not(form, content) for form in FORMATS}
    dialog = ExportDialog(FORMATS, Path("/tmp"), "RCC", reasons=reasons)
    qtbot.addWidget(dialog)
    return dialog


def test_only_what_is_there_can_be_exported(qtbot: QtBot) -> None:
    dialog = make_export(qtbot, heat=False, regions=True)
    for form in FORMATS:
        dialog.choose(form.key)
    # Whether HDF5 can be written depends on what is installed.
    assert set(dialog.keys) | {"hdf5"} == {form.key for form in FORMATS} - {"tiff", "seg", "dbtex", *EXPLANATIONS}
    assert "not a tomosynthesis" in dialog._boxes["dbtex"].text()
    assert "run a model" in dialog._boxes["seg"].text()


def test_save_needs_a_format_and_a_sound_name(qtbot: QtBot) -> None:
    dialog = make_export(qtbot, heat=True, regions=True)
    save = dialog._buttons.button(QDialogButtonBox.StandardButton.Save)
    assert not save.isEnabled()
    dialog.choose("seg")
    assert save.isEnabled()
    for name in ("", "a/b", "a\\b"):
        dialog._stem.setText(name)
        assert not save.isEnabled(), name
    dialog._stem.setText("my view")
    assert (dialog.stem, dialog.folder) == ("my view", Path("/tmp"))


def test_pictures_are_known_by_their_ending() -> None:
    assert rasters([Path("a.PNG"), Path("b.dcm"), Path("c.pgm"), Path("folder")]) == [Path("a.PNG"), Path("c.pgm")]


def test_the_pixel_size_may_be_unknown(qtbot: QtBot) -> None:
    dialog = OpenRasterDialog([Path("/x/L-CC.png"), Path("/x/b.png")])
    qtbot.addWidget(dialog)
    assert dialog.pixel_spacing_mm is None
    dialog.set_pixel_spacing(0.05)
    assert dialog.pixel_spacing_mm == pytest.approx(0.05)


def test_views_of_pictures_are_taken_from_names_and_can_be_stated(qtbot: QtBot) -> None:
    dialog = OpenRasterDialog([Path("/x/L-CC.png"), Path("/x/b.png")])
    qtbot.addWidget(dialog)
    assert dialog.views == (PictureView("/x/L-CC.png", "LCC", None), PictureView("/x/b.png", "", None))
    dialog.set_view(1, "RMLO", mirrored=True)
    assert dialog.views[1] == PictureView("/x/b.png", "RMLO", True)


def test_about_tells_what_the_program_is_not_for(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    text = " ".join(part.text() for part in dialog.findChildren(QLabel))
    assert "not for primary diagnosis" in text
    assert "not a medical device" in text


def test_the_list_of_jobs_and_the_end_of_the_log(qtbot: QtBot, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert log_tail(log) == "There is no log yet."
    log.write_text("x" * 30_000 + "the end")
    job = Job("Heatmap RCC")
    job.run(lambda progress: None)
    dialog = JobsDialog([job], log)
    qtbot.addWidget(dialog)
    assert job_text(job) == "Heatmap RCC  ·  done, 100 %"
    assert dialog.findChildren(QPlainTextEdit)[0].toPlainText().endswith("the end")
    assert len(log_tail(log)) == 20_000


def test_an_expected_failure_is_told_even_when_a_signal_wrapped_it(qtbot: QtBot) -> None:
    told: list[MammoViewerError] = []
    report = ErrorReport()
    report.notify = told.append
    failure = AnnotationError("the disk is full")
    wrapper = RuntimeError("a listener failed")
    wrapper.__cause__ = failure
    report.report(RuntimeError, wrapper, None)
    assert told == [failure]
    assert report._open is None


def test_a_defect_opens_one_dialog_with_the_details(qtbot: QtBot) -> None:
    report = ErrorReport()
    for text in ("first", "second"):
        report.report(ValueError, ValueError(text), None)
    dialog = report._open
    assert isinstance(dialog, DefectDialog)
    qtbot.addWidget(dialog)
    assert "ValueError: first" in dialog.findChildren(QPlainTextEdit)[0].toPlainText()
    dialog.reject()
    assert report._open is None
