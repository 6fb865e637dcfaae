"""De-identified copies of a batch of DICOM files: images, segmentations, reports and presentation states together.

The rules are those of PS3.15 Annex E, Basic Application Level Confidentiality Profile, with the options Clean
Structured Content and Clean Graphics, and as asked Retain Longitudinal Temporal Information. A batch is read twice:
first to learn who is in it, then to write. Neither log nor error tells a value of an element.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mammoviewer.base.errors import ArgumentError, ExportError, InputError, MammoViewerError
from mammoviewer.base.progress import Progress, no_progress, subprogress
from mammoviewer.dicom import elements
from mammoviewer.dicom.deidentify_dataset import Change, DatasetPass
from mammoviewer.dicom.deidentify_files import burned_in_doubt, overlay_bits, read_original, write_copy
from mammoviewer.dicom.deidentify_known import KnownValues
from mammoviewer.dicom.deidentify_options import Options, Pseudonyms
from mammoviewer.dicom.elements import Dataset
from mammoviewer.dicom.header import Header, looks_like_dicom, quiet_parsing, read_header
from mammoviewer.dicom.reader import Rejected
from mammoviewer.dicom.remedies import CHECK_PLACE

BURNED_IN_HINT = "look at the pixels, then accept it (--accept-burned-in)"
_INDEX_NAME = "DICOMDIR"
_HEAD = 136


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be written, after every header was read.

    Attributes
    ----------
    options, pseudonyms, known
        The decisions, the new names, and the values that tell who the patients are.
    files
        The originals to copy.
    refused
        Those that are not copied, with the reason.
    doubtful
        How many of ``refused`` may have text in their pixels and wait for a person's word.
    patients
        Number of patients in ``files``.
    """

    options: Options
    pseudonyms: Pseudonyms
    known: KnownValues
    files: tuple[Path, ...]
    refused: tuple[Rejected, ...]
    doubtful: int
    patients: int


@dataclass(frozen=True)
class Copy:
    """One file that was written; nothing in it tells of the patient."""

    path: Path
    SOPInstanceUID: str
    SOPClassUID: str


@dataclass(frozen=True)
class Result:
    """What was written and what was not."""

    copies: tuple[Copy, ...]
    refused: tuple[Rejected, ...]


@dataclass(frozen=True)
class PreviewLine:
    """A change, and in how many files it is the same."""

    change: Change
    files: int


def plan_batch(
    paths: Sequence[Path],
    options: Options,
    *,
    out: Path | None = None,
    pseudonyms: Pseudonyms | None = None,
    progress: Progress = no_progress,
) -> Plan:
    """Read the headers of files, and of all files in folders, and tell which can be copied.

    Parameters
    ----------
    paths
        Files and folders; what is not DICOM in a folder is passed over.
    options
        The decisions.
    out
        The folder of the copies; files in it are no originals.
    pseudonyms
        Those of an earlier run, to go on with; new ones when None.
    progress
        Called once for every file.

    Raises
    ------
    ArgumentError
        One new name was given for several patients, or it is the patient's own; or ``out`` holds the originals.
    Cancelled
        From ``progress``.
    """
    if out is not None and any(out.resolve() in (path.resolve(), *path.resolve().parents) for path in paths):
        raise ArgumentError("the copies need a folder of their own", path=out)
    names = Pseudonyms() if pseudonyms is None else pseudonyms
    headers = _Headers()
    found = list(_files(paths, out, headers.refused))
    for number, path in enumerate(found):
        progress(number / len(found), f"Reading {number + 1} of {len(found)}")
        headers.read(path, accept_burned_in=options.accept_burned_in)
    known, patients = headers.known, headers.patients
    _check_name(options, known, patients, removed_before=headers.removed_before)
    for patient in patients:
        known.allow(names.patient(patient, options.name))
    refused = tuple(headers.refused)
    return Plan(options, names, known, tuple(headers.files), refused, headers.doubtful, len(patients))


@dataclass
class _Headers:
    """What the headers of the originals hold: which files can be copied, whose they are, and which values they name."""

    known: KnownValues = field(default_factory=KnownValues)
    files: list[Path] = field(default_factory=list)
    refused: list[Rejected] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)
    removed_before: bool = True
    doubtful: int = 0

    def read(self, path: Path, *, accept_burned_in: bool) -> None:
        """Take in a file, or refuse it."""
        try:
            with quiet_parsing():
                header = read_original(path)
                self.known.collect(header.dataset)
                self.known.collect(header.dataset.file_meta)
                doubt = burned_in_doubt(header)
                patient = _patient(header.dataset)
                self.removed_before &= elements.text(header.dataset, "PatientIdentityRemoved") == "YES"
        except MammoViewerError as error:
            self.refused.append(Rejected(path, error.reason, error.hint))
            return
        if doubt and not accept_burned_in:
            self.doubtful += 1
            self.refused.append(Rejected(path, doubt, BURNED_IN_HINT))
        else:
            self.files.append(path)
            self.patients.add(patient)


def _check_name(options: Options, known: KnownValues, patients: set[str], *, removed_before: bool) -> None:
    if options.name and len(patients) > 1:
        raise ArgumentError(
            f"one name was given for {len(patients)} patients", hint="leave it out: each gets a name of its own"
        )
    if options.name in known and options.name and not removed_before:
        raise ArgumentError("the new name is one that the files already hold", hint="choose another")


def preview_batch(plan: Plan, progress: Progress = no_progress) -> tuple[PreviewLine, ...]:
    """Return what would change, equal changes of several files in one line. Holds patient data: only to be shown."""
    counted: dict[Change, int] = {}
    for number, path in enumerate(plan.files):
        progress(number / len(plan.files), f"Reading {number + 1} of {len(plan.files)}")
        with quiet_parsing():
            changes = _deidentify(read_original(path), plan)
        for change in dict.fromkeys(changes):
            counted[change] = counted.get(change, 0) + 1
    lines = [PreviewLine(change, files) for change, files in counted.items()]
    return tuple(sorted(lines, key=lambda line: (line.change.keyword.count("."), line.change.tag)))


def write_batch(plan: Plan, out: Path, progress: Progress = no_progress) -> Result:
    """Write the copies as ``STUDY/SERIES/INSTANCE.dcm`` below ``out``, named by their new UIDs.

    A file that cannot be copied does not keep the others from it. Originals are never written to.

    Raises
    ------
    ArgumentError
        ``out`` is a folder of the originals.
    Cancelled
        From ``progress``; what this call wrote is removed again.
    """
    if any(path.parent.resolve() == out.resolve() for path in plan.files):
        raise ArgumentError("the copies need a folder of their own", path=out)
    copies: list[Copy] = []
    refused = list(plan.refused)
    try:
        for number, path in enumerate(plan.files):
            part = subprogress(progress, number / len(plan.files), (number + 1) / len(plan.files))
            part(0.0, f"Writing {number + 1} of {len(plan.files)}")
            try:
                copies.append(_write(path, plan, out, part))
            except (InputError, ExportError) as error:
                refused.append(Rejected(path, error.reason, error.hint))
    except BaseException:
        _remove([copy.path for copy in copies], out)
        raise
    progress(1.0, f"{len(copies)} files")
    return Result(tuple(copies), tuple(refused))


def _write(path: Path, plan: Plan, out: Path, progress: Progress) -> Copy:
    with quiet_parsing():
        header = read_original(path)
        bits = overlay_bits(header)
        _deidentify(header, plan)
        dataset = header.dataset
        uid = str(dataset.SOPInstanceUID)
        target = out / str(dataset.StudyInstanceUID) / str(dataset.SeriesInstanceUID) / f"{uid}.dcm"
        sop_class = str(dataset.SOPClassUID)
    write_copy(
        header,
        target,
        options=plan.options,
        pseudonyms=plan.pseudonyms,
        known=plan.known,
        clear_bits=bits,
        progress=progress,
    )
    return Copy(target, uid, sop_class)


def _deidentify(header: Header, plan: Plan) -> tuple[Change, ...]:
    """De-identify the data set of a header and return what changed. Call within ``quiet_parsing``."""
    patient = plan.pseudonyms.patient(_patient(header.dataset), plan.options.name)
    work = DatasetPass(plan.options, plan.pseudonyms, plan.known)
    work.run(header.dataset)
    work.name(header.dataset, patient)
    return tuple(work.changes)


def _patient(dataset: Dataset) -> str:
    """Return what tells one patient from another."""
    number = elements.text(dataset, "PatientID")
    if number:
        return f"{number}|{elements.text(dataset, 'IssuerOfPatientID')}".casefold()
    name, birth = elements.text(dataset, "PatientName"), elements.text(dataset, "PatientBirthDate")
    return f"|{name}|{birth}".casefold() if name or birth else elements.text(dataset, "StudyInstanceUID")


def study_files(paths: Sequence[Path], progress: Progress = no_progress) -> tuple[Path, ...]:
    """Return the DICOM files beside ``paths`` that belong to the same studies: reports, segmentations and the like."""
    studies = {_study(path) for path in paths} - {""}
    beside = sorted({file for path in paths for file in path.parent.iterdir() if file.is_file()} - set(paths))
    found = list(paths)
    for number, path in enumerate(beside):
        progress(number / len(beside), "Looking for what belongs to the study")
        if _study(path) in studies:
            found.append(path)
    return tuple(found)


def _study(path: Path) -> str:
    try:
        with quiet_parsing():
            return elements.text(read_header(path).dataset, "StudyInstanceUID")
    except MammoViewerError:
        return ""  # not DICOM: it belongs to no study


def _files(paths: Sequence[Path], out: Path | None, refused: list[Rejected]) -> Iterator[Path]:
    """Yield each file once; those below ``out`` are left out."""
    away = out.resolve() if out is not None else None
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            refused.append(Rejected(path, "there is no such file or folder", CHECK_PLACE))
            continue
        below = [path] if path.is_file() else sorted(file for file in path.rglob("*") if _is_dicom(file))
        if not below:
            refused.append(
                Rejected(path, "the folder holds no DICOM files", "choose the folder that holds them, or one above")
            )
        for file in below:
            whole = file.resolve()
            if whole not in seen and (away is None or away not in whole.parents):
                seen.add(whole)
                yield file


def _is_dicom(path: Path) -> bool:
    if not path.is_file() or path.name.startswith(".") or path.name.upper() == _INDEX_NAME:
        return False
    try:
        with path.open("rb") as handle:
            return looks_like_dicom(handle.read(_HEAD))
    except OSError:
        return False  # a file nobody may read is no original of ours


def _remove(files: Sequence[Path], out: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
        for folder in (file.parent, file.parent.parent):
            if folder != out:
                with contextlib.suppress(OSError):  # not empty: other copies are in it
                    folder.rmdir()
