"""The notice line: what went wrong or should be known, and what to do, until it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QLabel

from mammoviewer.base.notices import Notice, Severity
from mammoviewer.gui.bridge import bind_values
from mammoviewer.gui.icons import icon_pixmap
from mammoviewer.gui.model_actions import force_model
from mammoviewer.gui.panels.parts import button, icon_button, label, row
from mammoviewer.gui.theme import set_role
from mammoviewer.session.workspace import Workspace

Remedy = tuple[str, Callable[[], object]]
"""What a notice offers to do: the text of a button and what it does."""

_LIMIT = 50
_ICONS = {Severity.INFO: ("info", "accent"), Severity.CAUTION: ("warning", "amber"), Severity.ERROR: ("error", "red")}


class NoticeLine(QFrame):
    """One notice at a time, oldest first; it stays until the reader closes it."""

    header_wanted = Signal(object)
    """Carries the path of a file whose header the reader wants to see."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.setObjectName("noticeLine")
        self._workspace = workspace
        self._waiting: deque[tuple[Notice, Remedy | None]] = deque(maxlen=_LIMIT)
        self._icon = QLabel()
        self._text = label("", "value")
        self._hint = label("", "dim")
        self._remedy = button("", self.use_remedy)
        self._more = button("", self.clear, kind="link")
        self._close = icon_button("close", "Read; close this line", self.next_notice)
        layout = row([self._icon, self._text, self._hint, self._remedy, None, self._more, self._close])
        layout.setContentsMargins(12, 3, 6, 3)
        self.setLayout(layout)
        self.hide()
        bind_values(self, workspace.notice, self.add)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Return the notices that have not been read, the shown one first."""
        return tuple(notice for notice, _ in self._waiting)

    def add(self, notice: Notice, remedy: Remedy | None = None, *, first: bool = False) -> None:
        """Put a notice behind those that wait, or before them; one that already waits is not repeated."""
        path = notice.header_of
        if remedy is None and path is not None:
            remedy = ("Show header", lambda: self.header_wanted.emit(path))
        if remedy is None and notice.refused_image:
            remedy = ("Run all the same", lambda: force_model(self._workspace, notice.refused_image))
        if notice not in self.notices:
            if first and len(self._waiting) < _LIMIT:
                self._waiting.appendleft((notice, remedy))
            else:
                self._waiting.append((notice, remedy))
            self._show()

    def use_remedy(self) -> None:
        """Do what the shown notice offers, and drop it."""
        if self._waiting:
            remedy = self._waiting[0][1]
            self.next_notice()
            if remedy is not None:
                remedy[1]()

    def next_notice(self) -> None:
        """Drop the shown notice and show the next."""
        if self._waiting:
            self._waiting.popleft()
        self._show()

    def withdraw(self, notice: Notice) -> None:
        """Drop a notice that does not hold any more."""
        self._waiting = deque((pair for pair in self._waiting if pair[0] != notice), maxlen=_LIMIT)
        self._show()

    def clear(self) -> None:
        """Drop all notices."""
        self._waiting.clear()
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._waiting))
        if not self._waiting:
            return
        notice, remedy = self._waiting[0]
        name, colour = _ICONS[notice.severity]
        ratio = self.devicePixelRatioF()
        pixmap = icon_pixmap(name, colour, round(18 * ratio))
        pixmap.setDevicePixelRatio(ratio)
        self._icon.setPixmap(pixmap)
        self._text.setText(notice.text)
        self._hint.setText(notice.hint)
        self._remedy.setText(remedy[0] if remedy is not None else "")
        self._remedy.setVisible(remedy is not None)
        self._more.setText(f"{len(self._waiting) - 1} more, close all")
        self._more.setVisible(len(self._waiting) > 1)
        set_role(self, "severity", notice.severity.value)
