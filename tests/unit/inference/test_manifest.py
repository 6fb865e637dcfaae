import copy
import json
import os
import subprocess
import sys

import pytest
from helpers.model_makers import brightest_bundle, dense_bundle, linear_bundle

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
        ("schema_version", 3, "schema_version 3"),
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
        ("cam.method", "layercam", "cam.method"),
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


def test_version_1_is_still_read_and_version_2_written(folder):
    document = document_of(folder)
    assert document["schema_version"] == 2
    older = changed(document, "schema_version", 1)
    del older["tiling"]["scales"]
    assert manifest_from_json(older, folder) == load_manifest(folder)
    assert manifest_to_json(manifest_from_json(older, folder))["schema_version"] == 2


def test_version_1_knows_patch_classifiers_alone(folder):
    document = changed(document_of(folder), "schema_version", 1)
    with pytest.raises(ModelError, match="task"):
        manifest_from_json(changed(document, "task", "detection"), folder)


def test_the_dense_mode_needs_its_measured_agreement(tmp_path):
    dense_bundle(tmp_path / "m")
    document = document_of(tmp_path / "m")
    read = load_manifest(tmp_path / "m")
    assert read.tiling.dense_patch_agreement.spearman == 1.0
    unproven = changed(document, "tiling.dense_patch_agreement", KeyError)
    with pytest.raises(ModelError, match="dense_patch_agreement"):
        manifest_from_json(unproven, tmp_path / "m")
    older = manifest_from_json(changed(unproven, "schema_version", 1), tmp_path / "m")
    assert older.tiling.modes == ("patches",)
    assert older.tiling.dense_stride is None
    with pytest.raises(ModelError, match="spearman"):
        manifest_from_json(changed(document, "tiling.dense_patch_agreement.spearman", 2), tmp_path / "m")
    with pytest.raises(ModelError, match=r"tiling\.modes"):
        manifest_from_json(changed(document, "files.dense", KeyError), tmp_path / "m")


def test_halo_and_scales_read_back_and_have_limits(folder):
    document = changed(changed(document_of(folder), "tiling.scales", [1, 1.5, 2]), "tiling.dense_halo", 32)
    manifest = manifest_from_json(document, folder)
    assert manifest.tiling.scales == (1.0, 1.5, 2.0)
    assert manifest.tiling.dense_halo == 32
    assert manifest_from_json(manifest_to_json(manifest), folder) == manifest
    for wrong in ([], [0], [True], [1] * 9, "1"):
        with pytest.raises(ModelError, match=r"tiling\.scales"):
            manifest_from_json(changed(document, "tiling.scales", wrong), folder)


def whole_image(document, rows=16, columns=16):
    """Return the document of a model of whole images made from that of a patch classifier."""
    result = changed(changed(document, "task", "image-classification"), "tiling", KeyError)
    return changed(result, "preprocessing", [{"op": "voi"}, {"op": "resize", "rows": rows, "columns": columns}])


def test_a_model_of_whole_images_has_no_windows_and_a_fixed_size(folder):
    document = changed(document_of(folder), "input.pixel_size_mm", None)
    manifest = manifest_from_json(whole_image(document), folder)
    assert manifest.tiling is None
    assert manifest.size == (16, 16)
    assert manifest_from_json(manifest_to_json(manifest), folder) == manifest
    with pytest.raises(ModelError, match="no windows"):
        _ = manifest.windows
    with pytest.raises(ModelError, match="resize to 16 x 16"):
        manifest_from_json(whole_image(document, rows=17), folder)
    with pytest.raises(ModelError, match="tiling"):
        manifest_from_json(changed(whole_image(document), "tiling", document["tiling"]), folder)
    with pytest.raises(ModelError, match="tiling"):
        manifest_from_json(changed(document, "tiling", KeyError), folder)


def test_a_detection_model_names_its_boxes_and_has_a_background(folder):
    document = changed(document_of(folder), "input.pixel_size_mm", None)
    document = changed(changed(document, "task", "detection"), "tiling", KeyError)
    document = changed(document, "preprocessing", [{"op": "voi"}])
    document = changed(document, "input.shape", [None, 1, None, None])
    outputs = {**document["outputs"], "boxes": "boxes", "activation": "softmax"}
    manifest = manifest_from_json(changed(document, "outputs", outputs), folder)
    assert manifest.size is None
    assert manifest.outputs.boxes == "boxes"
    assert manifest_from_json(manifest_to_json(manifest), folder) == manifest
    with pytest.raises(ModelError, match=r"outputs\.boxes"):
        manifest_from_json(changed(document, "outputs", {**outputs, "boxes": None}), folder)
    for wrong in ({"activation": "sigmoid"}, {"positive_class": "normal"}):
        with pytest.raises(ModelError, match="background"):
            manifest_from_json(changed(document, "outputs", {**outputs, **wrong}), folder)
    with pytest.raises(ModelError, match=r"outputs\.boxes"):
        manifest_from_json(changed(document_of(folder), "outputs.boxes", "boxes"), folder)


def test_the_channels_of_the_preprocessing_are_those_of_the_input(folder):
    document = document_of(folder)
    steps = [*document["preprocessing"], {"op": "clahe_channels"}]
    with pytest.raises(ModelError, match="3 channels where input.shape has 1"):
        manifest_from_json(changed(document, "preprocessing", steps), folder)
    three = changed(document, "input.shape", [None, 3, 16, 16])
    assert manifest_from_json(changed(three, "preprocessing", steps), folder).channels == 3
    assert manifest_from_json(three, folder).channels == 3


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
