import copy
import json
import os
import subprocess
import sys

import pytest
from helpers.model_makers import brightest_bundle, linear_bundle

from mammoviewer.base.errors import ModelError
from mammoviewer.dicom.attributes import ImageKind
from mammoviewer.inference import manifest as manifest_module
from mammoviewer.inference.manifest import (
    IMAGE_KINDS,
    load_manifest,
    manifest_from_json,
    manifest_to_json,
    read_verified,
    verify_files,
)


@pytest.fixture
def folder(tmp_path):
    linear_bundle(tmp_path / "good")
    return tmp_path / "good"


def document_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def changed(document, path, value):
    result = copy.deepcopy(document)
    *parents, last = path.split(".")
    inner = result
    for key in parents:
        inner = inner[key]
    if value is KeyError:
        del inner[last]
    else:
        inner[last] = value
    return result


def test_a_written_manifest_reads_back_equal(folder):
    manifest = load_manifest(folder)
    assert manifest.identity == "good.1"
    assert manifest.outputs.positive_index == 1
    assert manifest.outputs.logit_count == 1
    assert manifest.preprocessing[2] == {"op": "scale", "multiply_by": 1.0, "divide_by": 255, "add": 0.0}
    again = manifest_from_json(manifest_to_json(manifest), folder)
    assert again == manifest
    verify_files(manifest)


def test_image_kinds_are_those_of_the_dicom_room():
    assert set(IMAGE_KINDS) == {kind.name for kind in ImageKind}


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("schema_version", 2, "schema_version 2"),
        ("schema_version", True, "schema_version"),
        ("name", "../up", "name"),
        ("name", "Upper", "name"),
        ("name", "a\n", "name"),
        ("tag", "", "tag"),
        ("title", "two\nlines", "title"),
        ("title", KeyError, "title is missing"),
        ("task", "segmentation", "task"),
        ("created", "yesterday", "created"),
        ("files", {}, "files.model"),
        ("files.model.path", "../model.onnx", "files.model.path"),
        ("files.model.path", "/etc/model.onnx", "files.model.path"),
        ("files.model.path", "C:\\model.onnx", "files.model.path"),
        ("files.model.path", "C:model.onnx", "files.model.path"),
        ("files.model.path", "a\\..\\model.onnx", "files.model.path"),
        ("files.model.path", "model.pkl", "files.model.path"),
        ("files.model.sha256", "abc", "files.model.sha256"),
        ("files.model.bytes", 500_000_001, "files.model.bytes"),
        ("files.model.bytes", 0, "files.model.bytes"),
        ("files.model.extra", 1, "files.model.extra"),
        ("input.shape", [None, 1, 16], "input.shape"),
        ("input.shape", [None, 1, 16, None], "input.shape"),
        ("input.shape", [4, 1, 16, 16], "input.shape"),
        ("input.dtype", "float64", "input.dtype"),
        ("input.pixel_size_mm", -1, "input.pixel_size_mm"),
        ("input.pixel_size_mm", None, "resample_pixel_size"),
        ("input.value_range", [1, 0], "input.value_range"),
        ("preprocessing", [{"op": "exec"}], "exec"),
        ("preprocessing", [{"op": "scale", "divide_by": 0}], "divide_by"),
        ("preprocessing", ["voi"], "preprocessing"),
        ("preprocessing", [{"op": "voi"}] * 33, "preprocessing"),
        ("accepts.kinds", ["MAMOGRAM"], "accepts.kinds"),
        ("accepts.views", [], "accepts.views"),
        ("tiling.patch", [16, 0], "tiling.patch"),
        ("tiling.patch", [16, 17], "tiling.patch"),
        ("tiling.stride", 0, "tiling.stride"),
        ("tiling.modes", ["dense"], "tiling.modes"),
        ("tiling.min_breast_fraction", 1.5, "tiling.min_breast_fraction"),
        ("outputs.classes", ["one"], "outputs.classes"),
        ("outputs.classes", ["one", "one"], "outputs.classes"),
        ("outputs.activation", "tanh", "outputs.activation"),
        ("outputs.positive_class", "other", "outputs.positive_class"),
        ("outputs.operating_threshold", "0.5", "outputs.operating_threshold"),
        ("outputs.logits", "a b", "outputs.logits"),
        ("cam.method", "gradcam++", "cam.method"),
        ("cam.features", "other", "cam.features"),
        ("cam.head_grad", "", "head_grad"),
        ("training_data", [1], "training_data"),
        ("metrics", [], "metrics"),
        ("unknown_field", 1, "unknown_field"),
    ],
)
def test_a_wrong_field_is_named(folder, path, value, named):
    document = changed(document_of(folder), path, value)
    with pytest.raises(ModelError, match=named.replace(".", r"\.").replace("+", r"\+")):
        manifest_from_json(document, folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "not a JSON object"),
        ("{", "not valid JSON"),
        ('{"schema_version": NaN}', "NaN"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 200_000, "not valid JSON"),
        (" " * 1_000_001, "too large"),
    ],
)
def test_text_that_is_no_manifest_is_refused(folder, text, said):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=said):
        load_manifest(folder)


def test_bytes_that_are_not_text_are_refused(folder):
    (folder / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="not valid JSON"):
        load_manifest(folder)


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no manifest\.json"):
        load_manifest(tmp_path)


def test_a_missing_file_is_named(folder):
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match="missing") as caught:
        load_manifest(folder)
    assert caught.value.path == folder / "model.onnx"


def test_a_file_of_another_size_is_refused(folder):
    with (folder / "model.onnx").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(ModelError, match="bytes"):
        load_manifest(folder)


def test_a_changed_file_of_the_same_size_is_found_by_its_hash(folder):
    manifest = load_manifest(folder)
    data = bytearray((folder / "model.onnx").read_bytes())
    data[-1] ^= 1
    (folder / "model.onnx").write_bytes(bytes(data))
    assert load_manifest(folder) == manifest
    with pytest.raises(ModelError, match="SHA-256"):
        read_verified(manifest, "model")


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    outside = tmp_path / "outside.onnx"
    outside.write_bytes((folder / "model.onnx").read_bytes())
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(outside)
    with pytest.raises(ModelError, match="outside"):
        load_manifest(folder)


def test_a_role_that_is_not_there_is_said(tmp_path):
    manifest = brightest_bundle(tmp_path / "m")
    with pytest.raises(ModelError, match="no head_grad"):
        read_verified(manifest, "head_grad")


def test_writing_checks_what_reading_would(tmp_path):
    with pytest.raises(ModelError, match=r"tiling\.stride"):
        brightest_bundle(tmp_path / "m", stride=0)
    assert not (tmp_path / "m" / "manifest.json").exists()


def test_choosing_a_model_loads_no_run_time():
    code = (
        "import sys; import mammoviewer.inference.manifest, mammoviewer.inference.registry, "
        "mammoviewer.inference.heatmap, mammoviewer.inference.detections;"
        "print([n for n in ('onnxruntime', 'onnx', 'cv2', 'pydicom', 'torch', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_exist():
    assert all(hasattr(manifest_module, name) for name in manifest_module.__all__)
