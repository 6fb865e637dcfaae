"""Small copies of public data sets in their true layouts, with generated pictures."""

from __future__ import annotations

import plistlib
from pathlib import Path

import cv2
import numpy as np
from helpers.dicom_makers import mammogram, save, secondary_capture, tomo


def breast(rows: int = 96, columns: int = 80, seed: int = 0, bump: tuple[int, int] | None = None) -> np.ndarray:
    """Return a bright half ellipse at the left, uint16 of 12 bits; ``bump`` is the (row, column) of a bright spot."""
    generator = np.random.default_rng(seed)
    row, column = np.mgrid[0:rows, 0:columns]
    inside = ((row - rows / 2) / (0.45 * rows)) ** 2 + (column / (0.85 * columns)) ** 2 < 1
    values = np.where(inside, generator.normal(1200, 60, (rows, columns)), 0)
    if bump is not None:
        values[(row - bump[0]) ** 2 + (column - bump[1]) ** 2 <= 25] = 3500
    return np.clip(values, 0, 4095).astype(np.uint16)


def write_mammogram(path: Path, pixels: np.ndarray, **elements: object) -> Path:
    return save(path, mammogram(pixels, **elements), pixels)


def mini_mias(root: Path, patients: int = 3) -> Path:
    """Write two films per patient; the first of each has a bright lesion, malignant and benign in turn."""
    lines = []
    for patient in range(patients):
        for film in (1, 2):
            number = 2 * patient + film
            generator = np.random.default_rng(number)
            picture = np.zeros((1024, 1024), np.uint8)
            picture[100:900, 200:780] = generator.normal(100, 4, (800, 580)).clip(0, 255)
            name = f"mdb{number:03}"
            if film == 1:
                row, column, radius = 400 + 40 * patient, 450, 30
                cv2.circle(picture, (column, row), radius, 220, -1)
                lines.append(f"{name} G CIRC {'MB'[patient % 2]} {column} {1024 - row} {radius}")
            else:
                lines.append(f"{name} G NORM")
            cv2.imwrite(str(root / f"{name}.png"), picture)
    (root / "Info.txt").write_text("INFORMATION\n" + "\n".join(lines) + "\n", encoding="latin-1")
    return root


def infn(root: Path, cases: int = 12, per_case: int = 2) -> Path:
    """Write patches; those of every second case are bright and of class 1."""
    rows = ["file,label,case"]
    for case in range(cases):
        label = case % 2
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        for number in range(per_case):
            name = f"{label}/{case:04}_{number}.png"
            grey = np.random.default_rng((case, number)).normal(80 + 90 * label, 8, (60, 60))
            cv2.imwrite(str(root / name), grey.clip(0, 255).astype(np.uint8))
            rows.append(f"{name},{label},{case:04}")
    (root / "patches.csv").write_text("\n".join(rows) + "\n")
    return root


def vindr(root: Path, studies: int = 2) -> Path:
    """Write one right CC image per study; the first has a BI-RADS 4 mass with two categories."""
    head = "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density"
    images, findings = [f"{head},split"], [f"{head},finding_categories,finding_birads,xmin,ymin,xmax,ymax,split"]
    for study in range(studies):
        known = f"study{study},series{study},image{study},R,CC,96,80,BI-RADS {4 if study == 0 else 1},DENSITY C"
        images.append(f"{known},{'test' if study == 0 else 'training'}")
        if study == 0:
            findings.append(f"{known},\"['Mass', 'Skin Retraction']\",BI-RADS 4,20.5,30.5,40.5,50.5,test")
            findings.append(f"{known},\"['Mass']\",BI-RADS 4,nothing,1,2,3,test")
        else:
            findings.append(f"{known},\"['No Finding']\",,,,,,training")
        write_mammogram(root / "images" / f"study{study}" / f"image{study}.dicom", breast(seed=study))
    (root / "breast-level_annotations.csv").write_text("\n".join(images) + "\n")
    (root / "finding_annotations.csv").write_text("\n".join(findings) + "\n")
    (root / "metadata.csv").write_text("SOP Instance UID,Manufacturer\nimage0,SIEMENS\n")
    return root


def rsna(root: Path, patients: int = 4) -> Path:
    """Write a left and a right MLO image per patient; left breasts of odd patients have cancer and a bright spot."""
    columns = "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id"
    rows = [f"{columns},difficult_negative_case"]
    for patient in range(patients):
        for side in "LR":
            cancer = int(patient % 2 == 1 and side == "L")
            number = f"{patient}{1 if side == 'L' else 2}"
            biopsy = int(cancer or (patient == 0 and side == "R"))
            rows.append(
                f"1,{patient},{number},{side},MLO,61.0,{cancer},{biopsy},{cancer},{2 * (1 - cancer)},0,B,49,False"
            )
            pixels = breast(seed=int(number), bump=(48, 30) if cancer else None)
            path = root / "train_images" / str(patient) / f"{number}.dcm"
            write_mammogram(path, pixels, ImageLaterality=side, PatientID=str(patient))
    (root / "train.csv").write_text("\n".join(rows) + "\n")
    return root


def cbis_ddsm(root: Path, *, newer: bool = False) -> Path:
    """Write one mass image with two abnormalities and one calcification image, in either layout of TCIA."""
    tables = {"mass_case_description_train_set.csv": ("breast_density", "mass shape,mass margins"),
              "calc_case_description_test_set.csv": ("breast density", "calc type,calc distribution")}  # fmt: skip
    for table, (density, descriptors) in tables.items():
        kind = "mass" if table.startswith("mass") else "calcification"
        prefix = "Mass-Training_P_00001_LEFT_CC" if kind == "mass" else "Calc-Test_P_00002_RIGHT_MLO"
        side, view = prefix.split("_")[-2:]
        head = f"patient_id,{density},left or right breast,image view,abnormality id,abnormality type,{descriptors},"
        rows = [f"{head}assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"]
        pixels = breast(seed=len(kind))
        _film(root, prefix, "1.2/1.3/000000.dcm", "1-1.dcm", pixels, newer)
        for number in (1, 2) if kind == "mass" else (1,):
            mask = np.zeros((96, 80), np.uint8)
            mask[20 * number : 20 * number + 10, 30:45] = 255
            folder = f"{prefix}_{number}"
            # The file that the table calls the mask is the cut-out, and the other way round.
            _film(root, folder, "1.4/1.5/000000.dcm", "1-1.dcm", (mask[20:40, 30:45] + 3) * 2, newer)
            _film(root, folder, "1.4/1.5/000001.dcm", "1-2.dcm", mask, newer)
            pathology = "MALIGNANT" if number == 1 and kind == "mass" else "BENIGN_WITHOUT_CALLBACK"
            paths = f'{prefix}/1.2/1.3/000000.dcm,{folder}/1.4/1.5/000001.dcm,"{folder}/1.4/1.5/000000.dcm\n"'
            rows.append(
                f"{prefix.split('_', 1)[1][:7]},3,{side},{view},{number},{kind},OVAL,ILL,4,{pathology},5,{paths}"
            )
        (root / table).write_text("\n".join(rows) + "\n")
    return root


def _film(root: Path, folder: str, named: str, newer_name: str, pixels: np.ndarray, newer: bool) -> None:
    base = root / "CBIS-DDSM" if newer else root
    name = f"07-20-2016-DDSM-NA-1/1.000000-full mammogram images-1/{newer_name}" if newer else named
    wide = pixels.astype(np.uint16) if pixels.dtype == np.uint16 else pixels
    bits = 12 if wide.dtype == np.uint16 else 8
    save(base / folder / name, secondary_capture(wide, bits=bits), wide)


def inbreast(root: Path) -> Path:
    """Write two images; the first has a mass, a single calcification and a pectoral muscle."""
    (root / "AllXML").mkdir(parents=True)
    rows = ["Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"]
    for number, patient, side, view, acr, grade in (
        ("22678622", "61b13c59bcba149e", "L", "MLO", "2", "4a"),
        ("22678646", "8d0b9620c53c0268", "R", "CC", " ", "1"),
    ):
        rows.append(f"removed;removed;{side};{view};201001;{number};{acr};{grade}")
        name = f"{number}_{patient}_MG_{side}_{'ML' if view == 'MLO' else view}_ANON.dcm"
        write_mammogram(root / "AllDICOMs" / name, breast(seed=int(number)), ImagerPixelSpacing=[0.07, 0.07])
    regions = [
        {"Name": "Mass", "NumberOfPoints": 3, "Point_px": ["(20.0, 30.0)", "(40.5, 30.0)", "(30.0, 50.0)"]},
        {"Name": "Calcification", "NumberOfPoints": 1, "Point_px": ["(12.0, 14.0)"]},
        {"Name": "Pectoral Muscle", "NumberOfPoints": 3, "Point_px": ["(0, 0)", "(5, 0)", "(0, 5)"]},
    ]
    document = {"Images": [{"ImageIndex": 0, "NumberOfROIs": 3, "ROIs": regions}]}
    (root / "AllXML" / "22678622.xml").write_bytes(plistlib.dumps(document))
    rows.append("removed;removed;L;CC;201001;99999999;2;2")
    (root / "INbreast.csv").write_text("\n".join(rows) + "\n")
    return root


def duke(root: Path, patients: int = 2) -> Path:
    """Write a left CC volume per patient; that of the first has a box of class cancer in the file's fourth frame."""
    paths = ["PatientID,StudyUID,View,descriptive_path,classic_path"]
    labels = ["PatientID,StudyUID,View,Normal,Actionable,Benign,Cancer"]
    boxes = ["PatientID,StudyUID,View,Subject,Slice,X,Y,Width,Height,Class,AD,VolumeSlices"]
    for patient in range(patients):
        key = f"DBT-P0000{patient},DBT-S0000{patient},lcc"
        spot = (40, 25) if patient == 0 else None
        # The volume's window is 100 to 900.
        frames = np.stack([breast(seed=frame, bump=spot if frame in (3, 4) else None) // 5 for frame in range(8)])
        classic = f"Breast-Cancer-Screening-DBT/DBT-P0000{patient}/1.2.{patient}/1.3.{patient}/000000.dcm"
        descriptive = f"Breast-Cancer-Screening-DBT/DBT-P0000{patient}/01-01-2000-MAMMO/1.0-LCC/1-1.dcm"
        save(root / (classic if patient else descriptive), tomo(frames), frames)
        paths.append(f"{key},{descriptive},{classic}")
        labels.append(f"{key},{'0,0,0,1' if patient == 0 else '1,0,0,0'}")
        if patient == 0:
            boxes.append(f"{key},{key[:10]},3,20,35,10,10,cancer,0,8")
    for name, rows in (("file-paths", paths), ("labels", labels), ("boxes", boxes)):
        (root / f"BCS-DBT-{name}-train-v2.csv").write_text("\n".join(rows) + "\n")
    return root
