import csv
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from helpers.dicom_makers import mammogram, save, texture
from helpers.heatmaps import make_heatmap

from mammoviewer.base.errors import ExportError
from mammoviewer.dicom.reader import open_paths
from mammoviewer.session.map_files import write_map_csv, write_map_npy, write_map_seg

VALUES = [[0.0, np.nan, 0.5], [0.25, 1.0, 0.125]]


def test_the_array_is_the_map_at_the_size_of_the_image(tmp_path):
    overlay = make_heatmap(VALUES)
    write_map_npy(tmp_path / "map.npy", overlay)
    np.testing.assert_array_equal(np.load(tmp_path / "map.npy"), overlay.resampled())


def test_the_table_has_the_known_cells_at_their_places(tmp_path):
    write_map_csv(tmp_path / "map.csv", make_heatmap(VALUES))
    with (tmp_path / "map.csv").open(newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == 5
    assert lines[1] == {"row": "5.00", "column": "50.00", "value": "0.5"}
    assert lines[3] == {"row": "15.00", "column": "30.00", "value": "1"}


def test_the_segmentation_names_model_class_and_method(tmp_path):
    pixels = texture(60, 50)
    path = save(tmp_path / "m.dcm", mammogram(pixels), pixels)
    (image,) = open_paths([path]).images
    rows, columns = image.attributes.shape
    overlay = make_heatmap(np.full((2, 2), 0.5), shape=(rows, columns), origin=(rows / 4, columns / 4))
    write_map_seg(tmp_path / "map.dcm", replace(overlay, mode="cam:hirescam"), image)
    written = pydicom.dcmread(tmp_path / "map.dcm")
    assert written.SegmentationType == "FRACTIONAL"
    assert written.SegmentSequence[0].SegmentLabel == "finding, hirescam"
    image.close()


def test_a_folder_that_cannot_be_written_to_is_an_export_error(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (write_map_npy, write_map_csv):
        with pytest.raises(ExportError):
            write(tmp_path / "file" / "map", make_heatmap(VALUES))
