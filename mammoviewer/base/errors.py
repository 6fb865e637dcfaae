"""The one error hierarchy of the program.

Expected failures (bad files, refused models, full disks) are raised as a child of :class:`MammoViewerError`
and shown as a notice with a hint; anything else is a defect and goes to the log with its traceback.
"""

from __future__ import annotations

from pathlib import Path


class MammoViewerError(Exception):
    """Root of every expected failure.

    Parameters
    ----------
    reason
        What is wrong, in one sentence a reader understands. Never contains patient data.
    hint
        What the user can do about it; empty when nothing can be done.
    path
        The file concerned, when there is one.
    """

    def __init__(self, reason: str, *, hint: str = "", path: Path | str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.path = Path(path) if path is not None else None

    def __str__(self) -> str:
        """Return ``file: reason (hint)`` on one line."""
        text = f"{self.path}: {self.reason}" if self.path is not None else self.reason
        return f"{text} ({self.hint})" if self.hint else text


class InputError(MammoViewerError):
    """A file or folder cannot be read as what it was opened as."""


class DecodeError(InputError):
    """The pixel data of one frame cannot be decoded."""


class UnsupportedError(InputError):
    """The input is well formed but of a kind the program does not handle."""


class ArgumentError(MammoViewerError):
    """A value given by the user (option, filter text, window text) is not valid."""


class ModelError(MammoViewerError):
    """A classifier cannot be loaded or run."""


class ModelRefused(ModelError):
    """A classifier does not fit the image it was asked to look at.

    ``overridable`` tells that it could run all the same, on request.
    """

    def __init__(
        self, reason: str, *, hint: str = "", path: Path | str | None = None, overridable: bool = False
    ) -> None:
        super().__init__(reason, hint=hint, path=path)
        self.overridable = overridable


class AnnotationError(MammoViewerError):
    """Annotations cannot be read, stored or changed as asked."""


class LibraryError(MammoViewerError):
    """The list of studies cannot be read or changed."""


class ExportError(MammoViewerError):
    """An export cannot be written."""


class TrainingError(MammoViewerError):
    """Training cannot start or did not finish."""


class SettingsError(MammoViewerError):
    """The settings file cannot be read or written."""


class Cancelled(MammoViewerError):
    """The work was cancelled on request; not a failure."""

    def __init__(self) -> None:
        super().__init__("cancelled")
