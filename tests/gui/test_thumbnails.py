from dataclasses import replace

from helpers.images import breast_like, make_image
from PySide6.QtGui import QTransform
from pytestqt.qtbot import QtBot

from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.dicom.reader import OpenResult
from mammoviewer.gui.active_view import ActiveView
from mammoviewer.gui.panels.thumbnail_rail import ThumbnailButton, ThumbnailRail
from mammoviewer.gui.thumbnails import Thumbnails
from mammoviewer.session.thumbnail import SIDE
from mammoviewer.session.workspace import Workspace


def test_thumbnails_are_waited_for_until_all_are_made(qtbot: QtBot, workspace: Workspace) -> None:
    thumbnails = Thumbnails(workspace)
    assert not thumbnails.waiting
    images = [make_image(label, pixels=breast_like()) for label in ("RCC", "LCC")]
    assert [thumbnails.pixmap(image) for image in images] == [None, None]
    assert thumbnails.waiting
    qtbot.waitUntil(lambda: not thumbnails.waiting)
    made = [thumbnails.pixmap(image) for image in images]
    assert all(pixmap is not None and pixmap.height() == SIDE for pixmap in made)


def test_a_thumbnail_that_cannot_be_made_is_not_waited_for(qtbot: QtBot, workspace: Workspace) -> None:
    thumbnails = Thumbnails(workspace)
    image = make_image("RCC", bad=(0,))
    assert thumbnails.pixmap(image) is None
    qtbot.waitUntil(lambda: not thumbnails.waiting)


def test_a_picture_that_hangs_another_way_by_now_has_another_thumbnail(qtbot: QtBot, workspace: Workspace) -> None:
    thumbnails = Thumbnails(workspace)
    image = make_image("RCC", kind=ImageKind.RASTER, pixels=breast_like())
    workspace.add(OpenResult((image,), ()))
    rail = ThumbnailRail(workspace, ActiveView(workspace), thumbnails)
    qtbot.addWidget(rail)
    (entry,) = rail.findChildren(ThumbnailButton)
    qtbot.waitUntil(lambda: entry._pixmap is not None)
    before = entry._pixmap.toImage()
    attributes = image.attributes
    image.attributes = replace(attributes, orientation=attributes.orientation.flipped_horizontally())
    workspace.facts_changed.emit()
    qtbot.waitUntil(lambda: entry._pixmap.toImage() == before.transformed(QTransform().scale(-1, 1)))
