"""Black air on an inverted picture, where the file does not mark the air as padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QImage, QPainter, QTransform

from mammoviewer.base.arrays import ByteArray
from mammoviewer.gui.canvas.view_transform import ViewTransform

if TYPE_CHECKING:
    from mammoviewer.gui.canvas.view_widget import ViewWidget


def paint_air(painter: QPainter, viewport: ViewWidget, view: ViewTransform) -> None:
    """Cover the air of an inverted picture with black (IHE RAD TF-2 4.16.4.2.2.1.1.3), unless the reader wants it.

    ``view`` tells where the pixels of the viewport's image lie: the viewport's own, or that of its magnifier.
    """
    state, workspace = viewport.shown, viewport.workspace
    if not state.inverted or not workspace.desk.black_air or state.image.attributes.padding is not None:
        return
    air = workspace.air.of(state.image)
    if air is None or not air.any():
        return
    rows, columns = air.shape
    image = QImage(air.data, columns, rows, columns, QImage.Format.Format_Alpha8)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setTransform(_placed(view, air), True)
    painter.drawImage(0, 0, image)
    painter.restore()


def _placed(view: ViewTransform, air: ByteArray) -> QTransform:
    """Return the transform from pixel edges of the mask to logical pixels of the viewport."""
    down, across = view.shape[0] / air.shape[0], view.shape[1] / air.shape[1]
    matrix = view.matrix
    # Stored points count from pixel centres, the mask from its corner.
    left, top = matrix[:, 2] - 0.5 * (matrix[:, 0] + matrix[:, 1])
    (x_row, x_column), (y_row, y_column) = matrix[0, :2], matrix[1, :2]
    return QTransform(x_column * across, y_column * across, x_row * down, y_row * down, left, top)
