"""Going to places, and edits that are never made out of sight."""

from mammoviewer.annotations.edits import AddFinding, RemoveFinding
from mammoviewer.annotations.finding import Finding, new_finding
from mammoviewer.annotations.roi import Roi, RoiKind
from mammoviewer.base.notices import Notice
from mammoviewer.gui.navigation import delete_chosen, in_sight, redo, undo
from mammoviewer.session.workspace import Workspace

BOX = Roi(RoiKind.RECTANGLE, ((5.0, 5.0), (15.0, 25.0)))


def drawn(workspace: Workspace, image: int, frame: int = 0) -> Finding:
    finding = new_finding(workspace.images[image].attributes.identity, frame, BOX, "Mass")
    workspace.edit(AddFinding(finding))
    workspace.desk.selected_finding = finding.id
    return finding


def test_a_finding_out_of_sight_is_gone_to_before_it_can_be_deleted(volume: Workspace) -> None:
    told: list[Notice] = []
    volume.notice.connect(told.append)
    finding = drawn(volume, 0, frame=3)
    volume.state(finding.image_uid).frame = 8
    delete_chosen(volume)
    assert finding.id in volume.annotations
    assert volume.state(finding.image_uid).frame == 3
    assert "out of sight" in told[0].text
    delete_chosen(volume)
    assert finding.id not in volume.annotations


def test_a_hidden_finding_is_shown_before_it_can_be_deleted(four_views: Workspace) -> None:
    finding = drawn(four_views, 0)
    four_views.desk.show_findings = False
    assert not in_sight(four_views, finding)
    delete_chosen(four_views)
    assert finding.id in four_views.annotations
    assert four_views.desk.show_findings


def test_undo_and_redo_go_where_something_changes(four_views: Workspace) -> None:
    first, second = drawn(four_views, 0), drawn(four_views, 3)
    four_views.show_single(first.image_uid)
    undo(four_views)
    assert second.id not in four_views.annotations
    assert second.image_uid in four_views.stage.cells
    four_views.show_single(first.image_uid)
    redo(four_views)
    assert second.id in four_views.annotations
    assert four_views.desk.active_identity == second.image_uid


def test_undo_in_sight_moves_nothing(four_views: Workspace) -> None:
    finding = drawn(four_views, 0)
    four_views.edit(RemoveFinding(finding.id))
    before = four_views.stage_index
    undo(four_views)
    assert finding.id in four_views.annotations
    assert four_views.stage_index == before
