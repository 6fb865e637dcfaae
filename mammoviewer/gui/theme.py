"""The dark look: one palette, one style sheet, tabular numbers.

The palette is the only place where a colour of the interface is written down; ``resources/style/dark.qss`` names it
with ``@name``. Text keeps a contrast of at least 4.5:1 against the ground it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from mammoviewer.base.paths import resources_dir

PALETTE: Mapping[str, str] = MappingProxyType(
    {
        "window": "#0d0f12",
        "panel": "#15181d",
        "raised": "#1a1e24",
        "field": "#1c2027",
        "stripe": "#191d23",
        "hover": "#252a32",
        "pressed": "#2e343d",
        "line": "#262b33",
        "line_strong": "#343b45",
        "line_hover": "#4b5563",
        "text": "#c9d1d9",
        "bright": "#eef2f6",
        "dim": "#8b96a3",
        "faint": "#5b6570",
        "accent": "#4aa3ff",
        "accent_bright": "#74b9ff",
        "accent_soft": "#3a7fc6",
        "accent_mid": "#25507d",
        "accent_dim": "#1d3a59",
        "accent_faint": "#131c27",
        "amber": "#e3a93c",
        "red": "#f47067",
        "green": "#4fbf8b",
        "companion": "#cbb8ff",
        "measure": "#9fe8ff",
    }
)
"""Colours by role, ``#rrggbb``. ``faint`` is for disabled controls only."""

_FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "Cantarell", "Roboto", "DejaVu Sans")
_ROLES = {
    QPalette.ColorRole.Window: "panel",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "field",
    QPalette.ColorRole.AlternateBase: "stripe",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.Button: "field",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.BrightText: "bright",
    QPalette.ColorRole.ToolTipBase: "raised",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.Highlight: "accent_dim",
    QPalette.ColorRole.HighlightedText: "bright",
    QPalette.ColorRole.PlaceholderText: "dim",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.Mid: "line",
    QPalette.ColorRole.Dark: "line",
    QPalette.ColorRole.Light: "line_strong",
    QPalette.ColorRole.Shadow: "window",
}


def color(name: str) -> QColor:
    """Return a colour of the palette."""
    return QColor(PALETTE[name])


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours, 1 to 21 (WCAG 2.1, relative luminance)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(text: str) -> float:
    channels = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def style_sheet() -> str:
    """Return the style sheet with the palette filled in."""
    folder = resources_dir() / "style"
    text = (folder / "dark.qss").read_text(encoding="utf-8")
    text = text.replace("@style", folder.as_posix())
    return re.sub(r"@([a-z_]+)", lambda match: PALETTE[match.group(1)], text)


def interface_font() -> QFont:
    """Return the system's interface font with figures of one width, so that numbers do not dance."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    known = set(QFontDatabase.families())
    family = next((name for name in _FAMILIES if name in known), None)
    if family is not None:
        font = QFont(family)
    font.setPixelSize(13)
    font.setFeature(QFont.Tag("tnum"), 1)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


def apply_theme(application: QApplication) -> None:
    """Give the whole application the dark look."""
    application.setStyle(QStyleFactory.create("Fusion"))
    palette = QPalette()
    for role, name in _ROLES.items():
        palette.setColor(role, color(name))
        if role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, color("faint"))
    application.setPalette(palette)
    application.setFont(interface_font())
    application.setEffectEnabled(Qt.UIEffect.UI_AnimateCombo, False)
    application.setStyleSheet(style_sheet())


def set_role(widget: QWidget, name: str, value: str) -> None:
    """Set a property that the style sheet looks at and have it looked at again."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
