"""RTMPose and YOLOX as ONNX through rtmlib, on small networks whose answers are known: pytest -m pose."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import MissingInputError

_MISSING = [name for name in ("rtmlib", "onnxruntime", "onnx") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.pose,
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)} (uv sync --extra pose)"),
]
WIDTH, HEIGHT = 48, 64


def save(path: Path, nodes: list, constants: dict[str, np.ndarray], inputs: list, outputs: dict[str, list]) -> Path:
    """Write an ONNX network of given nodes."""
    from onnx import TensorProto, checker, helper, numpy_helper
    from onnx import save as write

    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, inputs)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    write(model, path)
    return path


def colour_network(path: Path, points: int = 133) -> Path:
    """Puts every point at (10, 20) of its input where red is strongest, (20, 20) for green, (30, 20) for blue."""
    from onnx import helper

    x = np.zeros((3, points * 2 * WIDTH), np.float32).reshape(3, points, 2 * WIDTH)
    for channel, place in enumerate((10, 20, 30)):
        x[channel, :, 2 * place] = 1
    y = np.zeros((1, points, 2 * HEIGHT), np.float32)
    y[..., 2 * 20] = 1
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Reshape", ["mean", "row"], ["colour"]),
        helper.make_node("MatMul", ["colour", "places"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["simcc_x"]),
        helper.make_node("Identity", ["y"], ["simcc_y"]),
    ]
    constants = {
        "row": np.array([1, 3]), "places": x.reshape(3, -1), "shape": np.array([1, points, 2 * WIDTH]), "y": y,
    }  # fmt: skip
    outputs = {"simcc_x": [1, points, 2 * WIDTH], "simcc_y": [1, points, 2 * HEIGHT]}
    return save(path, nodes, constants, [1, 3, HEIGHT, WIDTH], outputs)


def detector_network(path: Path, people: list[tuple[float, float, float, float, int]]) -> Path:
    """YOLOX without suppression on 64x64: boxes (centre, size in pixels, class); only on frames blue in BGR."""
    from onnx import helper

    cells = np.concatenate([np.stack(np.meshgrid(range(n), range(n)), -1).reshape(-1, 2) for n in (8, 4, 2)])
    strides = np.repeat([8, 16, 32], [64, 16, 4])[:, None]
    table = np.zeros((1, 84, 7), np.float32)
    for row, (cx, cy, w, h, kind) in enumerate(people):
        table[0, row, :2] = np.array([cx, cy]) / strides[row] - cells[row]
        table[0, row, 2:4] = np.log(np.array([w, h]) / strides[row])
        table[0, row, 5 + kind] = 1
    objectness = np.zeros((1, 84, 7), np.float32)
    objectness[0, : len(people), 4] = 1
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Slice", ["mean", "zero", "one", "axis"], ["blue4"]),
        helper.make_node("Reshape", ["blue4", "cell"], ["blue"]),
        helper.make_node("Greater", ["blue", "half"], ["is_blue"]),
        helper.make_node("Cast", ["is_blue"], ["seen"], to=1),
        helper.make_node("Mul", ["objectness", "seen"], ["scored"]),
        helper.make_node("Add", ["table", "scored"], ["boxes"]),
    ]
    constants = {
        "table": table, "objectness": objectness, "zero": np.array([0]), "one": np.array([1]), "axis": np.array([1]),
        "cell": np.array([1, 1, 1]), "half": np.array([[[100.0]]], np.float32),
    }  # fmt: skip
    return save(path, nodes, constants, [1, 3, 64, 64], {"boxes": [1, 84, 7]})


def plain(colour: tuple[int, int, int], height: int = 128, width: int = 96) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize(("colour", "place"), [((255, 0, 0), 10), ((0, 255, 0), 20), ((0, 0, 255), 30)])
def test_the_pose_network_sees_rgb(tmp_path: Path, colour: tuple[int, int, int], place: int) -> None:
    from datasets.annotators.rtmpose import RTMPose

    network = RTMPose(colour_network(tmp_path / "net.onnx"))
    points, scores = network.raw(plain(colour), np.array([0, 0, 96, 128]))
    # The crop is the box enlarged by 1.25: 120 x 160 pixels around (48, 64) for 48 x 64.
    np.testing.assert_allclose(points, [[48 + (place - 24) * 2.5, 64 + (20 - 32) * 2.5]] * 133, atol=1e-4)
    assert (scores > 0.3).all()


def test_a_frame_gives_135_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from datasets.annotators.rtmpose import RTMPose

    network = RTMPose(colour_network(tmp_path / "net.onnx"))
    found = network.read(plain((0, 255, 0)))
    assert found.shape == (135, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, :2], [[38, 34]] * 135, atol=1e-4)
    assert (found[:, 2] > 0.3).all()
    assert capsys.readouterr().out == ""


def test_the_detector_sees_bgr_and_takes_the_largest_person(tmp_path: Path) -> None:
    from datasets.annotators.rtmpose import PersonDetector, RTMPose

    small, large, dog = (10, 12, 8, 10, 0), (40, 36, 20, 30, 0), (32, 32, 60, 60, 1)
    file = detector_network(tmp_path / "yolox.onnx", [small, large, dog])
    detector = PersonDetector(file)
    box = detector.box(plain((0, 0, 255), 128, 128))
    assert box is not None
    np.testing.assert_allclose(box, [60, 42, 100, 102], atol=1e-3)  # twice the 64 px that the network sees
    assert detector.box(plain((255, 0, 0), 128, 128)) is None
    network = RTMPose(colour_network(tmp_path / "net.onnx"), file)
    assert not network.read(plain((255, 0, 0), 128, 128)).any()
    assert (network.read(plain((0, 0, 255), 128, 128))[:, 2] > 0).all()
    assert network.fingerprint != RTMPose(colour_network(tmp_path / "net.onnx")).fingerprint


def test_other_networks_are_refused(tmp_path: Path) -> None:
    from datasets.annotators.rtmpose import RTMPose

    for other in (colour_network(tmp_path / "17.onnx", points=17), detector_network(tmp_path / "other.onnx", [])):
        with pytest.raises(MissingInputError, match="no whole-body network"):
            RTMPose(other)
    (tmp_path / "broken.onnx").write_bytes(b"half a file")
    with pytest.raises(MissingInputError, match=r"broken\.onnx"):
        RTMPose(tmp_path / "broken.onnx")


def test_the_detector_is_used_where_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    import datasets.weights
    from datasets.annotators.rtmpose import dwpose
    from datasets.weights import Weight

    def entry(name: str, path: Path) -> Weight:
        return Weight(name, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), "https://example.org/", "", "")

    pose = entry("dwpose", colour_network(tmp_path / "pose.onnx"))
    box = entry("yolox", detector_network(tmp_path / "box.onnx", [(32, 32, 20, 20, 0)]))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(datasets.weights, "KNOWN", (pose, box))
    with_box = dwpose()
    assert not with_box.read(plain((255, 0, 0))).any()
    box.path.unlink()
    whole = dwpose()
    assert whole.read(plain((255, 0, 0))).any() and whole.fingerprint != with_box.fingerprint
