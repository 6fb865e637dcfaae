"""Texts in another character set than the file says: guessed where the bytes tell it, chosen where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import companion_makers
from helpers import dicom_makers as makers

from mammoviewer.base.errors import ArgumentError
from mammoviewer.dicom.character_sets import CHARSETS
from mammoviewer.dicom.companions.reader import read_companion
from mammoviewer.dicom.header import header_lines, quiet_parsing, read_header
from mammoviewer.dicom.image import Image
from mammoviewer.dicom.raster import open_raster
from mammoviewer.dicom.reader import open_paths, reread_texts

NAME = "Иванов^Пётр"
PIXELS = makers.ramp(16, 16)
FILLER = b"X" * 32


def named(path: Path, name: bytes, declared: bytes | None = b"ISO_IR 100", syntax: str = makers.NATIVE) -> Path:
    """Write a mammogram whose patient has the bytes of ``name``; ``declared`` is its character set, 10 bytes."""
    made = makers.mammogram(PIXELS, PatientName=FILLER.decode())
    if declared is None:
        del made.SpecificCharacterSet
    makers.save(path, made, PIXELS, syntax=syntax)
    raw = path.read_bytes()
    assert raw.count(FILLER) == 1
    raw = raw.replace(FILLER, name.ljust(len(FILLER)))
    path.write_bytes(raw.replace(b"ISO_IR 192", (declared or b"").ljust(10)))
    return path


def opened(path: Path, charset: str | None = None) -> Image:
    (image,) = open_paths([path], charset=charset).images
    return image


def told(image: Image) -> list[tuple[str, str]]:
    return [(notice.text, notice.hint) for notice in image.attributes.warnings if "character set" in notice.text]


def listed(image: Image, keyword: str = "PatientName") -> str:
    return next(value for _, name, _, value in image.header_text() if name == keyword)


@pytest.mark.parametrize("syntax", [makers.NATIVE, makers.IMPLICIT])
@pytest.mark.parametrize(
    ("declared", "says"), [(b"ISO IR 192", "ISO IR 192"), (b"\xff\xfe", "\xff\xfe"), (b"nonsense", "nonsense")]
)
def test_utf_8_is_guessed_from_the_bytes(tmp_path: Path, declared: bytes, says: str, syntax: str) -> None:
    image = opened(named(tmp_path / "a.dcm", NAME.encode(), declared, syntax))
    assert image.attributes.PatientName == listed(image) == NAME
    ((text, hint),) = told(image)
    assert text.startswith("the character set of the texts is not known (the file says ")
    assert text.endswith("Unicode (UTF-8) is assumed")
    assert hint == "choose another character set in the Details panel, or by --charset"
    assert says.strip("\xff\xfe") in listed(image, "SpecificCharacterSet")


def test_utf_8_without_any_character_set(tmp_path: Path) -> None:
    image = opened(named(tmp_path / "a.dcm", NAME.encode(), None))
    assert image.attributes.PatientName == NAME
    assert "the file names none" in told(image)[0][0]


@pytest.mark.parametrize(
    ("declared", "encoding", "shown"),
    [
        (b"ISO_IR 192", "latin-1", "Müller^Ä"),
        (b"ISO IR 144", "iso8859-5", NAME),
        (b"iso_ir_144", "iso8859-5", NAME),
        (b"cp1251", "cp1251", NAME),
        (b"hex", "latin-1", "Müller^Ä"),
    ],
)
def test_what_comes_nearest_to_the_name_is_used(tmp_path: Path, declared: bytes, encoding: str, shown: str) -> None:
    image = opened(named(tmp_path / "a.dcm", shown.encode(encoding), declared))
    assert image.attributes.PatientName == shown
    assert len(told(image)) == 1


@pytest.mark.parametrize(
    ("declared", "encoding", "shown"),
    [
        (b"ISO_IR 192", "utf-8", NAME),
        (b"ISO_IR 144", "iso8859-5", NAME),
        (b"ISO_IR 100", "latin-1", "Müller"),
        (b"ISO IR 192", "ascii", "Mueller"),
        (b"GB18030", "gb18030", "王^小东"),
    ],
)
def test_what_can_be_read_as_declared_is_not_told_of(
    tmp_path: Path, declared: bytes, encoding: str, shown: str
) -> None:
    image = opened(named(tmp_path / "a.dcm", shown.encode(encoding), declared))
    assert image.attributes.PatientName == shown
    assert told(image) == []


@pytest.mark.parametrize(("charset", "encoding"), [("windows-1251", "cp1251"), ("ISO_IR 144", "iso8859-5"),
                                                   ("koi8-r", "koi8-r"), ("ISO_IR 192", "utf-8")])  # fmt: skip
def test_a_chosen_character_set_comes_before_the_declared_one(tmp_path: Path, charset: str, encoding: str) -> None:
    path = named(tmp_path / "a.dcm", NAME.encode(encoding))
    assert opened(path).attributes.PatientName != NAME
    image = opened(path, charset)
    assert image.attributes.PatientName == listed(image) == NAME
    assert told(image) == []
    assert listed(image, "SpecificCharacterSet") == f"ISO_IR 100 (read as {charset})"
    with quiet_parsing():
        assert str(read_header(path, charset=charset).dataset.PatientName) == NAME


def test_japanese_with_escapes(tmp_path: Path) -> None:
    path = named(tmp_path / "a.dcm", b"Yamada^T=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", None)
    assert opened(path, "\\ISO 2022 IR 87").attributes.PatientName == "Yamada^T=山田^太郎"


def test_texts_of_an_open_image_are_read_again(tmp_path: Path) -> None:
    image = opened(named(tmp_path / "a.dcm", NAME.encode("cp1251"), b"ISO_IR 192"))
    before = image.attributes
    assert len(told(image)) == 1
    reread_texts(image, "windows-1251")
    assert image.attributes.PatientName == listed(image) == NAME
    assert told(image) == []
    assert (image.attributes.identity, image.attributes.orientation) == (before.identity, before.orientation)
    np.testing.assert_array_equal(image.frame(0), PIXELS)
    reread_texts(image, "ISO_IR 100")
    assert image.attributes.PatientName == NAME.encode("cp1251").decode("latin-1")


def test_a_picture_has_no_texts_to_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 2 255\n\0\1\2\3")
    image = open_raster(tmp_path / "a.pgm")
    before = image.attributes
    reread_texts(image, "ISO_IR 100")
    assert image.attributes is before


def test_texts_of_sequences_follow(tmp_path: Path) -> None:
    made = makers.mammogram(PIXELS, ViewCodeSequence=[makers.code_item("399368009", "SCT", FILLER.decode())])
    path = makers.save(tmp_path / "a.dcm", made, PIXELS)
    path.write_bytes(path.read_bytes().replace(FILLER, "Косая".encode("cp1251").ljust(32)))
    assert listed(opened(path, "windows-1251"), "CodeMeaning") == "Косая"


def test_companions_follow(tmp_path: Path) -> None:
    made = companion_makers.presentation_state("1.2", window=(1, 2))
    made.SpecificCharacterSet, made.ContentDescription = "ISO_IR 100", "X" * 32
    path = companion_makers.save(tmp_path / "a.dcm", made)
    path.write_bytes(path.read_bytes().replace(FILLER, "Снимок".encode("cp1251").ljust(32)))
    assert read_companion(path, charset="windows-1251").label == "Снимок"
    assert open_paths([path], charset="windows-1251").companions[0].label == "Снимок"


@pytest.mark.parametrize("charset", ["klingon", "hex", "", "ISO_IR 192\\klingon", "a\0b"])
def test_a_character_set_that_there_is_not_is_refused(tmp_path: Path, charset: str) -> None:
    path = named(tmp_path / "a.dcm", b"Name")
    if charset:
        with pytest.raises(ArgumentError, match="is not known"):
            open_paths([path], charset=charset)
        with pytest.raises(ArgumentError, match="is not known"):
            header_lines(path, charset=charset)
    else:
        assert opened(path, charset).attributes.PatientName == "Name"  # the default repertoire


@pytest.mark.parametrize(("title", "charset"), CHARSETS)
def test_every_character_set_to_choose_from_can_be_used(tmp_path: Path, title: str, charset: str) -> None:
    assert title[0].isupper()
    image = opened(named(tmp_path / "a.dcm", bytes(range(0xA0, 0xC0))), charset)
    assert image.header_text()
    assert len({value for _, value in CHARSETS}) == len({title for title, _ in CHARSETS}) == len(CHARSETS)
