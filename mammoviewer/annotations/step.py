"""How an edit came about: what a log must know to build undo and redo again after a restart."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Act(enum.StrEnum):
    """What the reader did."""

    EDIT = "edit"
    MERGE = "merge"
    """An edit that is one step with the one before, as letters typed into one note."""
    UNDO = "undo"
    REDO = "redo"


@dataclass(frozen=True)
class Step:
    """A step of the reader's.

    Parameters
    ----------
    act
        What was done.
    token
        Names the step; empty for an edit that no stack of undo knows.
    of
        The token of the step that is taken back or made again.
    title
        For the undo menu.
    """

    act: Act = Act.EDIT
    token: str = ""
    of: str = ""
    title: str = ""


UNKNOWN = Step()
