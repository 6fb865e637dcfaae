from pathlib import Path

import numpy as np
import pytest
from helpers import layout_makers as make
from helpers.dicom_makers import mammogram

from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.interchange.json_document import write_json
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.errors import ArgumentError, InputError
from mammoviewer.datasets.layouts import LAYOUTS, detect_layout, load_cases
from mammoviewer.dicom.reader import open_paths


def test_mini_mias_counts_y_from_the_bottom_and_pairs_films(tmp_path: Path) -> None:
    cases = load_cases(make.mini_mias(tmp_path))
    assert (cases.layout, len(cases), set(cases.patients)) == ("mini-mias", 6, {"patient 1", "patient 2", "patient 3"})
    first, second = cases.cases[:2]
    assert (first.severity, first.labels, first.breast, second.breast) == ("malignant", ("malignant", "CIRC"), "L", "R")
    assert first.findings[0].circle == (400, 450, 30)
    assert first.findings[0].box == (370, 420, 430, 480)
    assert first.findings[0].centre == (400, 450)
    assert (second.severity, second.findings, second.located) == ("normal", (), True)
    assert first.strata == {"density": "fatty-glandular", "lesion type": "CIRC"}
    assert cases.classes == ("malignant", "normal", "benign", "normal", "malignant", "normal")


def test_films_without_a_place_and_films_that_are_missing(tmp_path: Path) -> None:
    make.mini_mias(tmp_path, 1)
    with (tmp_path / "Info.txt").open("a") as table:
        table.write("mdb002 G CALC M *NOTE 3*\nmdb009 D NORM\n")
    cases = load_cases(tmp_path)
    assert (cases.cases[1].severity, cases.cases[1].located, cases.cases[1].findings) == ("malignant", False, ())
    assert [item.path.name for item in cases.missing] == ["mdb009.png"]


def test_films_as_published(tmp_path: Path) -> None:
    make.mini_mias(tmp_path, 1)
    (tmp_path / "mdb001.png").rename(tmp_path / "mdb001.pgm")
    assert [case.path.name for case in load_cases(tmp_path).cases] == ["mdb001.pgm", "mdb002.png"]


def test_infn_patches_are_cases_of_their_class(tmp_path: Path) -> None:
    make.infn(tmp_path, cases=2)
    (tmp_path / "0" / "0000_1.png").unlink()
    cases = load_cases(tmp_path)
    assert (cases.layout, cases.classes) == ("infn", ("normal", "microcalcification", "microcalcification"))
    assert cases.patients == ("0000", "0001", "0001")
    assert "missing" in str(cases.missing[0])


def test_vindr(tmp_path: Path) -> None:
    cases = load_cases(make.vindr(tmp_path))
    first, second = cases.cases
    assert (cases.layout, first.patient, first.breast, first.view) == ("vindr", "study0", "R", "CC")
    assert first.labels == ("malignant", "BI-RADS 4", "Mass", "Skin Retraction")
    assert first.strata == {
        "density": "C", "vendor": "SIEMENS", "view": "CC", "lesion type": "Mass + Skin Retraction", "split": "test",
    }  # fmt: skip
    assert [(found.kind, found.box) for found in first.findings] == [
        ("Mass", (30, 20, 50, 40)),
        ("Skin Retraction", (30, 20, 50, 40)),
    ]
    assert (second.severity, second.findings) == ("normal", ())
    assert "has no box" in str(cases.missing[0])


def test_rsna(tmp_path: Path) -> None:
    make.rsna(tmp_path)
    (tmp_path / "train_images" / "3" / "32.dcm").unlink()
    cases = load_cases(tmp_path)
    assert (cases.layout, len(cases)) == ("rsna", 7)
    by_name = {case.name: case for case in cases.cases}
    assert (by_name["11"].severity, by_name["11"].labels[1], by_name["11"].located) == ("malignant", "cancer", False)
    assert by_name["02"].severity == "benign"
    assert by_name["01"].labels == ("normal", "no cancer", "BI-RADS 2")
    assert by_name["11"].strata["vendor"] == "machine 49"
    assert cases.missing[0].path.name == "32.dcm"


@pytest.mark.parametrize("newer", [False, True])
def test_cbis_ddsm_in_both_layouts(tmp_path: Path, newer: bool) -> None:
    cases = load_cases(make.cbis_ddsm(tmp_path, newer=newer))
    assert (cases.layout, len(cases), cases.missing) == ("cbis-ddsm", 2, ())
    by_kind = {case.labels[1]: case for case in cases.cases}
    mass, spots = by_kind["mass"], by_kind["calcification"]
    assert (mass.patient, mass.breast, mass.view, mass.severity) == ("P_00001", "L", "CC", "malignant")
    assert [(found.label, found.box) for found in mass.findings] == [
        ("malignant", (19.5, 29.5, 29.5, 44.5)),
        ("benign", (39.5, 29.5, 49.5, 44.5)),
    ]
    assert (mass.strata["split"], spots.strata["split"], spots.strata["density"]) == ("training", "test", "C")
    assert (spots.severity, spots.view) == ("benign", "MLO")
    assert open_paths([mass.path]).images[0].attributes.shape == (96, 80)


def test_inbreast(tmp_path: Path) -> None:
    cases = load_cases(make.inbreast(tmp_path))
    first, second = cases.cases
    assert (cases.layout, first.patient, first.view, first.breast) == ("inbreast", "61b13c59bcba149e", "MLO", "L")
    assert first.labels == ("malignant", "BI-RADS 4a", "Mass", "Calcification")
    assert [found.box for found in first.findings] == [(29.5, 19.5, 50.5, 41.0), (13.5, 11.5, 14.5, 12.5)]
    assert first.strata["density"] == "B"
    assert (second.severity, second.view, "density" in second.strata) == ("normal", "CC", False)
    assert [item.path.name for item in cases.missing] == ["99999999"]


def test_damaged_regions_of_inbreast_are_told(tmp_path: Path) -> None:
    make.inbreast(tmp_path)
    (tmp_path / "AllXML" / "22678622.xml").write_text("<plist><dict>")
    cases = load_cases(tmp_path)
    assert (cases.cases[0].findings, cases.cases[0].located) == ((), False)
    assert "cannot be read" in str(cases.missing[0])


def test_duke_volumes_have_their_boxes_where_the_pixels_are(tmp_path: Path) -> None:
    cases = load_cases(make.duke(tmp_path))
    first, second = cases.cases
    assert (cases.layout, first.patient, first.view, first.severity) == ("duke-dbt", "DBT-P00000", "CC", "malignant")
    assert second.labels == ("normal", "normal")
    finding = first.findings[0]
    image = open_paths([first.path]).images[0]
    top, left, bottom, right = finding.box
    inside = image.frame(finding.frames[0])[
        round(top + 0.5) : round(bottom + 0.5), round(left + 0.5) : round(right + 0.5)
    ]
    assert inside.shape == (10, 10)
    assert np.median(inside) == 700


def test_our_own_library(tmp_path: Path) -> None:
    make.write_mammogram(tmp_path / "a.dcm", make.breast(), PatientID="P7")
    make.write_mammogram(tmp_path / "b.dcm", make.breast(seed=1), PatientID="P8")
    images = open_paths([tmp_path]).images
    box = Roi(RoiKind.RECTANGLE, ((10, 12), (20, 30)))
    findings = [
        new_finding(images[0].attributes.identity, 0, box, "Mass", assessment="4B"),
        new_finding("elsewhere", 0, box, "Mass"),
    ]
    write_json(tmp_path / "findings.json", findings)
    cases = load_cases(tmp_path)
    assert cases.layout == "library"
    first, second = sorted(cases.cases, key=lambda case: case.patient)
    assert (first.patient, first.labels, first.findings[0].box) == ("P7", ("malignant", "Mass"), (10, 12, 20, 30))
    assert (second.patient, second.labels) == ("P8", ())
    assert "1 findings are of an image that is not here" in str(cases.missing[0])


def test_what_is_no_data_set_is_told_with_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        detect_layout(tmp_path / "none")
    with pytest.raises(InputError, match="no known data set") as caught:
        load_cases(tmp_path)
    assert "Info.txt (mini-MIAS)" in str(caught.value)
    with pytest.raises(ArgumentError, match="no layout 'ddsm'"):
        load_cases(tmp_path, "ddsm")
    assert set(LAYOUTS) >= {"infn", "mini-mias", "vindr", "rsna", "cbis-ddsm", "inbreast", "duke-dbt", "library"}


def test_a_table_without_a_column_or_without_images_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("patient_id,image_id,laterality,view\n1,2,L,CC\n")
    with pytest.raises(InputError, match="no column 'cancer'"):
        load_cases(tmp_path)
    (tmp_path / "train.csv").write_text("patient_id,image_id,laterality,view,cancer\n../..,2,L,CC,0\n1,2,L,CC,0\n")
    with pytest.raises(InputError, match="no image of the rsna tables"):
        load_cases(tmp_path)


def test_a_name_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "set"
    make.rsna(root, 2)
    make.save(tmp_path / "x.dcm", mammogram(make.breast()), make.breast())
    with (root / "train.csv").open("a") as table:
        table.write("1,../..,x,L,CC,60,0,0,0,,0,B,49,False\n")
    cases = load_cases(root)
    assert len(cases) == 4
    assert len(cases.missing) == 1
