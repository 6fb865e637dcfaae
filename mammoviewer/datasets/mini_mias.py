"""The mini-MIAS films (Suckling 1994; research only): 1024x1024 8-bit, 200 um per pixel, list in ``Info.txt``.

A line reads: film, tissue, class of abnormality and, where there is one, severity, x, y, radius; y counts from the
bottom. Films of an odd number and of the next even number are of one patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mammoviewer.base.errors import InputError

PIXEL_SIZE_MM = 0.2
SIDE_PX = 1024
_TISSUES = ("F", "G", "D")
_CLASSES = ("CALC", "CIRC", "SPIC", "MISC", "ARCH", "ASYM", "NORM")


@dataclass(frozen=True)
class Film:
    """One line of the list; ``centre`` (row, column) and ``radius_px`` where the list has them."""

    path: Path
    tissue: str
    abnormality: str
    severity: str = ""
    centre: tuple[float, float] | None = None
    radius_px: float | None = None

    @property
    def patient(self) -> str:
        """Return the name that both films of a patient share."""
        return f"patient {(self.number + 1) // 2}"

    @property
    def number(self) -> int:
        """Return the number of the film."""
        return int(self.path.stem[3:])


def load_mini_mias(directory: Path) -> tuple[Film, ...]:
    """Return the lines whose film is in the folder; a film with several abnormalities has several.

    Raises
    ------
    InputError
        ``Info.txt`` cannot be read or none of its films is there.
    """
    films = _listed(directory)
    present = tuple(film for film in films if film.path.is_file())
    if not present:
        raise InputError("no film of Info.txt is in the folder", path=directory)
    return present


def missing_films(directory: Path) -> tuple[Path, ...]:
    """Return the films of the list that are not in the folder."""
    return tuple(dict.fromkeys(film.path for film in _listed(directory) if not film.path.is_file()))


def _listed(directory: Path) -> list[Film]:
    table = directory / "Info.txt"
    try:
        lines = table.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError("Info.txt cannot be read", path=table) from error
    return [film for film in (_film(directory, line.split()) for line in lines) if film is not None]


def _film_path(directory: Path, name: str) -> Path:
    """Return the film as PNG, or as the PGM that the set is published in."""
    published = directory / f"{name}.pgm"
    return published if published.is_file() else directory / f"{name}.png"


def _film(directory: Path, fields: list[str]) -> Film | None:
    """Return the film of a line; ``None`` for the text around the list."""
    if len(fields) < 3 or fields[1] not in _TISSUES or fields[2] not in _CLASSES or not fields[0][3:].isdigit():
        return None
    path = _film_path(directory, fields[0])
    severity = fields[3] if len(fields) > 3 else ""
    if len(fields) < 7 or not all(field.isdigit() for field in fields[4:7]):
        return Film(path, fields[1], fields[2], severity)
    column, from_bottom, radius = (float(field) for field in fields[4:7])
    return Film(path, fields[1], fields[2], severity, (SIDE_PX - from_bottom, column), radius)
