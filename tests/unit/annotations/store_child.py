"""Adds pairs of findings for ever, and says of each pair that it is kept: the victim of test_store_crash."""

import sys
from pathlib import Path

from mammoviewer.annotations.annotation_set import AnnotationSet
from mammoviewer.annotations.edits import AddFinding, CompositeEdit
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.annotations.store import AnnotationStore


def run(path: Path, image_uid: str) -> None:
    with AnnotationStore(path) as store:
        annotations = AnnotationSet(store.load([image_uid]))
        store.attach(annotations)
        print("ready", flush=True)
        number = 0
        while True:
            roi = Roi(RoiKind.RECTANGLE, ((number, 0.5), (number + 3, 9.25)))
            pair = [new_finding(image_uid, 0, roi, f"{side} {number}") for side in ("left", "right")]
            CompositeEdit(tuple(AddFinding(finding) for finding in pair)).apply(annotations)
            print(*(finding.id for finding in pair), flush=True)
            number += 1


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
