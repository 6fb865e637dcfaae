from __future__ import annotations

import time

import numpy as np
import pytest
from helpers.images import make_image

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.measuring import region_figures
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MAMMOVIEWER_HOME", str(tmp_path))
    made = Workspace(Settings())
    yield made
    made.close()


def opened(workspace, **changes):
    pixels = np.full((100, 80), 1000, np.uint16)
    pixels[20:31, 10:21] = 2000
    image = make_image(pixels=pixels, uid="1.1", **changes)
    workspace.add(OpenResult((image,), ()))
    return image


def rectangle(top, left, bottom, right):
    return new_finding("1.1", 0, Roi(RoiKind.RECTANGLE, ((top, left), (bottom, right))), "Mass")


def test_size_and_grey_values_of_a_region(workspace):
    image = opened(workspace)
    finding = rectangle(20, 10, 30, 20)
    assert region_figures(workspace, finding) == "", "nothing may be decoded here"
    image.frame(0)
    assert region_figures(workspace, finding) == "1.0 x 1.0 mm at detector, 1.0 mm\u00b2, mean 2000, sd 0, 2000 to 2000"


def test_without_a_pixel_size_pixels_are_told(workspace):
    opened(workspace, pixel_spacing=None).frame(0)
    assert region_figures(workspace, rectangle(20, 10, 30, 20)).startswith("10 x 10 px, uncalibrated, 100 px\u00b2")


@pytest.mark.parametrize("place", [(-50, -50, -10, -10), (200, 200, 300, 300)])
def test_a_region_outside_has_no_figures(workspace, place):
    opened(workspace).frame(0)
    assert region_figures(workspace, rectangle(*place)) == ""


def test_points_and_closed_images_have_no_figures(workspace):
    point = new_finding("1.1", 0, Roi(RoiKind.POINT, ((5, 5),)), "Mass")
    assert region_figures(workspace, rectangle(1, 1, 5, 5)) == ""
    opened(workspace).frame(0)
    assert region_figures(workspace, point) == ""


def test_a_file_that_has_changed_is_measured_anew(workspace):
    def read(value):
        image = make_image(pixels=np.full((100, 80), value, np.uint16), uid="1.1")
        image.stamp = value
        workspace.add(OpenResult((image,), ()))
        image.frame(0)
        measure = new_finding("1.1", 0, Roi(RoiKind.STATISTICS, ((20.0, 10.0), (30.0, 20.0))), "")
        while (text := workspace.measures.text(measure)) == "…":
            time.sleep(0.01)
        return text

    assert "mean 1000," in read(1000)
    assert "mean 2000," in read(2000)
