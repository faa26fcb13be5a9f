import numpy as np
import pytest
import torch

from common.running.export_network import save_onnx, save_program
from model.folded import fold
from model.ftcm import FTCM


@pytest.fixture(scope="module", params=[False, True], ids=["centre", "every frame"])
def network(request):
    torch.manual_seed(0)
    return fold(FTCM(frames=9, dim=16, depth=2, every_frame=request.param).eval())


@pytest.fixture(scope="module")
def onnx_file(network, tmp_path_factory):
    pytest.importorskip("onnxscript")
    path = tmp_path_factory.mktemp("onnx") / "ftcm.onnx"
    save_onnx(path, network, {})
    return path


@pytest.mark.parametrize("windows", [1, 2, 7])
def test_onnxruntime_gives_the_networks_poses_for_any_number_of_windows(network, windows, onnx_file):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    keypoints = torch.randn(windows, 9, 17, 2)
    poses, = session.run(["pose"], {"keypoints": keypoints.numpy()})
    np.testing.assert_allclose(poses, network(keypoints).numpy(), atol=1e-5)


def test_the_graph_has_no_fourier_transform(onnx_file):
    onnx = pytest.importorskip("onnx")
    kinds = {node.op_type for node in onnx.load(onnx_file).graph.node}
    assert "MatMul" in kinds or "Gemm" in kinds
    assert not kinds & {"DFT", "STFT", "FFT"}


def test_the_portable_program_gives_the_same_poses(network, tmp_path):
    save_program(tmp_path / "ftcm.pt2", network)
    program = torch.export.load(tmp_path / "ftcm.pt2").module()
    for windows in (1, 5):
        keypoints = torch.randn(windows, 9, 17, 2)
        assert torch.allclose(program(keypoints), network(keypoints), atol=1e-5)
