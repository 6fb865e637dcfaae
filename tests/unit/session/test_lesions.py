from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.images import breast_like, make_image

from mammoviewer.annotations.edits import AddFinding, ReplaceFinding
from mammoviewer.annotations.finding import new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.session.lesions import fill_edit, link_edit, location_of, of_lesion, to_slice_edit, unlink_edit
from mammoviewer.session.settings import Settings
from mammoviewer.session.workspace import Workspace

BOX = Roi(RoiKind.RECTANGLE, ((50.0, 50.0), (60.0, 60.0)))


@pytest.fixture
def workspace():
    made = Workspace(Settings())
    images = (
        make_image("RCC", uid="1"),
        make_image("RMLO", uid="2"),
        make_image("RCC", kind=ImageKind.TOMO, pixels=breast_like(frames=12), slice_spacing_mm=1.0, uid="3"),
    )
    made.add(OpenResult(images, ()))
    yield made
    made.close()


def add(workspace, uid, frame=0, roi=BOX, **changes):
    finding = replace(new_finding(uid, frame, roi, "Mass"), **changes)
    workspace.edit(AddFinding(finding))
    return finding


def lesions(workspace):
    return {finding.id: finding.lesion for finding in workspace.annotations.findings}


def test_findings_are_linked_over_views_and_unlinked(workspace):
    one, other, third = add(workspace, "1"), add(workspace, "2"), add(workspace, "3", 4)
    every = workspace.annotations.findings
    workspace.edit(link_edit(every, one, other))
    one = workspace.annotations.get(one.id)
    workspace.edit(link_edit(workspace.annotations.findings, third, one))
    linked = lesions(workspace)
    assert len(set(linked.values())) == 1
    assert "" not in linked.values()
    assert len(of_lesion(workspace.annotations.findings, one)) == 3
    assert link_edit(workspace.annotations.findings, *workspace.annotations.findings[:2]) is None
    workspace.edit(unlink_edit(workspace.annotations.findings, workspace.annotations.get(third.id)))
    assert lesions(workspace)[third.id] == ""
    workspace.edit(unlink_edit(workspace.annotations.findings, workspace.annotations.get(one.id)))
    assert set(lesions(workspace).values()) == {""}, "a lesion of one finding is none"
    workspace.edits.undo()
    assert lesions(workspace)[one.id] == lesions(workspace)[other.id] != ""


def test_two_lesions_become_one_with_all_their_findings(workspace):
    a, b = add(workspace, "1", lesion="a"), add(workspace, "2", lesion="a")
    c, d = add(workspace, "3", 3, lesion="b"), add(workspace, "3", 4, lesion="b")
    workspace.edit(link_edit(workspace.annotations.findings, a, c))
    assert set(lesions(workspace).values()) == {"a"}
    assert {b.id, d.id} <= set(lesions(workspace))


def test_a_region_is_carried_to_another_slice_and_the_slices_between_are_filled(workspace):
    first = add(workspace, "3", 2, descriptors=(("margin", "spiculated"),))
    edit, copied = to_slice_edit(first, 8, reader="R")
    workspace.edit(edit)
    assert workspace.annotations.get(first.id).lesion == copied.lesion != ""
    moved = workspace.annotations.get(copied.id).edited(roi=BOX.moved(12.0, 6.0))
    workspace.edit(ReplaceFinding(moved))
    edit, count = fill_edit(workspace.annotations.findings, workspace.annotations.get(first.id))
    workspace.edit(edit)
    assert count == 5
    by_frame = {f.frame: f for f in workspace.annotations.for_image("3")}
    assert sorted(by_frame) == [2, 3, 4, 5, 6, 7, 8]
    assert by_frame[5].roi.points == ((56.0, 53.0), (66.0, 63.0))
    assert by_frame[5].descriptors == (("margin", "spiculated"),)
    assert fill_edit(workspace.annotations.findings, moved) is None, "everything is filled"
    workspace.edits.undo()
    assert len(workspace.annotations.for_image("3")) == 2


def test_a_slice_has_its_finding_already(workspace):
    finding = add(workspace, "3", 2)
    assert to_slice_edit(finding, 2) is None
    assert fill_edit(workspace.annotations.findings, finding) is None
    assert unlink_edit(workspace.annotations.findings, finding) is None


def test_both_views_of_a_lesion_tell_its_quadrant(workspace):
    cc = add(workspace, "1", roi=BOX.moved(-30.0, 0.0), lesion="x")
    add(workspace, "2", roi=BOX.moved(-30.0, 0.0), lesion="x")
    alone = add(workspace, "1", roi=BOX.moved(25.0, 0.0))
    workspace.nipples._asked |= {workspace.state(uid).image.serial for uid in "12"}
    workspace.nipples._places.update({workspace.state(uid).image.serial: (80.0, 25.0) for uid in "12"})
    assert location_of(workspace, cc).region == "upper outer quadrant"
    assert location_of(workspace, alone).region == "central in this view"
    assert location_of(workspace, alone).clock == 0
