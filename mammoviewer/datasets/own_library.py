"""Images with the findings that were drawn in this program: a folder with ``findings*.json`` beside the images.

The document is the one that the program exports (File, export findings; ``mammoviewer export``). Images are told by
their identity, so that names and folders may have changed since.
"""

from __future__ import annotations

import json
from pathlib import Path

from mammoviewer.annotations.finding import READER, Finding
from mammoviewer.annotations.interchange.json_document import read_json
from mammoviewer.annotations.roi import MEASURES
from mammoviewer.base.errors import AnnotationError, InputError
from mammoviewer.datasets.cases import SEVERITIES, Case, CaseFinding, CaseList, MissingCase, require_cases
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.reader import open_paths

LAYOUT = "library"
DOCUMENTS = "*.json"


def documents(root: Path) -> tuple[Path, ...]:
    """Return the exported documents of findings in a folder."""
    return tuple(path for path in sorted(root.glob(DOCUMENTS)) if _is_document(path))


def load_library(root: Path) -> CaseList:
    """Return one case per image of the folder and those below.

    An image without findings is there without labels. Its labels are those of its findings, and the worst severity
    that is named by one or by its BI-RADS assessment.

    Raises
    ------
    InputError
        A document cannot be read, or there are no images.
    """
    findings: dict[str, list[Finding]] = {}
    for path in documents(root):
        try:
            for finding in read_json(path):
                if finding.origin == READER and finding.roi.kind not in MEASURES:
                    findings.setdefault(finding.image_uid, []).append(finding)
        except AnnotationError as error:
            raise InputError(error.reason, hint=error.hint, path=error.path) from error
    opened = open_paths([root])
    cases = [_case(image, findings.pop(image.attributes.identity, [])) for image in opened.images]
    missing = [MissingCase(item.path, item.reason, item.hint) for item in opened.rejected]
    hint = "put the image into the folder"
    missing += [
        MissingCase(root, f"{len(found)} findings are of an image that is not here", hint)
        for found in findings.values()
    ]
    return require_cases(LAYOUT, root, cases, missing)


def severity_of(finding: Finding) -> str:
    """Return the severity that a finding's label or its BI-RADS assessment says; empty where neither does."""
    label = finding.label.strip().lower()
    if label in SEVERITIES:
        return label
    grade = finding.assessment[:1]
    return {"1": "normal", "2": "benign", "3": "benign", "4": "malignant", "5": "malignant", "6": "malignant"}.get(
        grade, ""
    )


def _case(image: Image, findings: list[Finding]) -> Case:
    attributes = image.attributes
    image.close()
    found = tuple(
        CaseFinding(severity_of(one), one.label, one.roi.bounding_box(), frames=(one.frame, one.frame))
        for one in findings
    )
    said = {one.label for one in found} & set(SEVERITIES)
    severities = [severity for severity in SEVERITIES if severity in said]
    kinds = tuple(dict.fromkeys(one.kind for one in found if one.kind and one.kind.lower() not in SEVERITIES))
    strata = {"vendor": attributes.Manufacturer, "view": attributes.view.position, "lesion type": " + ".join(kinds)}
    spacing = attributes.pixel_spacing
    return Case(
        path=attributes.path,
        patient=attributes.PatientID or attributes.StudyInstanceUID or attributes.path.stem,
        breast=attributes.view.laterality,
        view=attributes.view.position,
        labels=tuple(dict.fromkeys([*severities[-1:], *kinds])),
        findings=found,
        strata={name: value for name, value in strata.items() if value},
        pixel_size_mm=spacing.row_mm if spacing is not None else None,
    )


def _is_document(path: Path) -> bool:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "findings" in document and "schema_version" in document
