import numpy as np
import onnx
import pytest
from helpers.model_makers import external_data_model, onnx_bytes
from onnx import TensorProto, helper

from mammoviewer.base.errors import ModelError
from mammoviewer.inference.onnx_check import check_onnx

INPUTS = {"input": ["n", 1, 4, 4]}
OUTPUTS = {"logits": ["n", 1, 4, 4], "features": ["n", 1, 4, 4]}
WANTED = {"input": (None, 1, 4, 4)}


def nodes(*extra):
    return [
        helper.make_node("Relu", ["input"], ["features"]),
        *extra,
        helper.make_node("Sigmoid", ["features"], ["logits"]),
    ]


def check(data):
    return check_onnx(data, inputs=WANTED, outputs=["logits", "features"])


def test_a_plain_model_passes_and_its_operators_are_listed():
    assert check(onnx_bytes(nodes(), INPUTS, OUTPUTS)) == ("Relu", "Sigmoid")


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x00" * 100, np.random.default_rng(0).bytes(500)])
def test_garbage_is_no_model(data):
    with pytest.raises(ModelError, match="not an ONNX model"):
        check(data)


def test_weights_in_other_files_are_refused(tmp_path):
    data = external_data_model(tmp_path / "secret")
    with pytest.raises(ModelError, match="other files"):
        check_onnx(data, inputs={"input": (None, 1, 16, 16)}, outputs=["logits"])


def test_external_data_inside_a_constant_is_refused():
    tensor = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    constant = helper.make_node("Constant", [], ["one"], value=tensor)
    with pytest.raises(ModelError, match="other files"):
        check(onnx_bytes(nodes(constant), INPUTS, OUTPUTS))


def test_a_custom_domain_is_refused():
    custom = helper.make_node("Evil", ["input"], ["unused"], domain="com.example")
    with pytest.raises(ModelError, match=r"com\.example"):
        check(onnx_bytes(nodes(custom), INPUTS, OUTPUTS, domain="com.example"))
    with pytest.raises(ModelError, match=r"com\.example::Evil"):
        check(onnx_bytes(nodes(custom), INPUTS, OUTPUTS))


def test_functions_of_the_file_are_refused():
    model = onnx.load_model_from_string(onnx_bytes(nodes(), INPUTS, OUTPUTS))
    body = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], body, [helper.make_opsetid("", 17)]))
    with pytest.raises(ModelError, match="functions"):
        check(model.SerializeToString())


def test_control_flow_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    flow = helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch)
    with pytest.raises(ModelError, match="operator If"):
        check(onnx_bytes(nodes(flow), INPUTS, OUTPUTS))


def test_random_operators_are_refused():
    noise = helper.make_node("RandomNormalLike", ["input"], ["unused"])
    with pytest.raises(ModelError, match="RandomNormalLike"):
        check(onnx_bytes(nodes(noise), INPUTS, OUTPUTS))


@pytest.mark.parametrize("opset", [9, 23])
def test_operator_sets_out_of_range_are_refused(opset):
    with pytest.raises(ModelError, match=f"operator set {opset}"):
        check(onnx_bytes(nodes(), INPUTS, OUTPUTS, opset=opset))


def test_inputs_and_outputs_must_be_those_of_the_manifest():
    with pytest.raises(ModelError, match="inputs"):
        check_onnx(onnx_bytes(nodes(), INPUTS, OUTPUTS), inputs={"x": (None, 1, 4, 4)}, outputs=["logits"])
    with pytest.raises(ModelError, match="shape"):
        check_onnx(onnx_bytes(nodes(), INPUTS, OUTPUTS), inputs={"input": (None, 1, 5, 4)}, outputs=["logits"])
    with pytest.raises(ModelError, match="'other'"):
        check_onnx(onnx_bytes(nodes(), INPUTS, OUTPUTS), inputs=WANTED, outputs=["other"])
