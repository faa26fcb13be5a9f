"""Networks computed by ONNX Runtime or in fewer bits: the same poses; refused where that is not faster."""
import io
import json
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import run_ftcm
from common import engine
from common.lift import Lifting
from common.running import export_network, runtime
from common.running.runtime import Computing
from common.skeleton import HUMAN36M
from common.video.stream import make_lifter
from common.windows import Window
from model.folded import fold
from model.ftcm import FTCM
from tests.helpers import draw_nothing, random_clip, release_state

HERE = export_network.onnx_is_here()
CHOOSES = runtime.chooses                   # as it is outside the tests
needs_onnx = pytest.mark.skipif(not HERE, reason="needs onnx, onnxscript and onnxruntime")
CLIP = random_clip(40)


def network(frames=9, **settings):
    torch.manual_seed(0)
    return FTCM(frames=frames, dim=32, depth=3, **settings).eval()


@pytest.fixture(scope="module")
def content():
    """The ONNX file of network()."""
    return export_network.onnx_bytes(fold(network()))


def poses(model, window=None, **lifting):
    window = window or Window(9)
    return engine.predict(model, [CLIP], window, Lifting(**lifting))["pose"][0]


@needs_onnx
def test_the_shipped_networks_poses_are_those_of_pytorch():
    model, _ = run_ftcm.load_network(run_ftcm.options.parse(["--train", "0", "-f", "27"]))
    window = Window(27, hop=9)
    form = runtime.prepare(model, fold, Lifting(), Computing("onnx"))
    assert isinstance(form, export_network.OnnxNetwork)
    for flip_test in (False, True):
        assert np.abs(poses(form, window, flip_test=flip_test)
                      - poses(model, window, flip_test=flip_test)).max() < 1e-5


@needs_onnx
@pytest.mark.parametrize("window", [Window(9), Window(9, tds=2, target="last")])
def test_files_and_streams_of_one_pose_a_window_are_those_of_pytorch(window, content):
    model = network()
    form = export_network.OnnxNetwork(fold(model), content, threads=1)
    expected = poses(model, window)
    assert np.abs(poses(form, window, batch_size=7) - expected).max() < 1e-5
    lifter = make_lifter(form, window, Lifting(), HUMAN36M)
    lines = [pose for points in CLIP.keypoints if (pose := lifter.push(points)) is not None]
    assert np.abs(np.stack([*lines, *lifter.flush()]) - expected).max() < 1e-5


@needs_onnx
def test_int8_leaves_the_products_that_8_bits_cost_most_and_stays_near(content):
    import onnx
    small = runtime.to_int8(content)
    nodes = onnx.load_from_string(small).graph.node
    whole = [node for node in nodes if node.op_type == "MatMulInteger"]
    kept = [node for node in nodes if node.op_type in ("MatMul", "Gemm")
            and not node.input[0].endswith("mixing")]
    assert len(whole) == 3 * 2 and len(kept) == 3 + 2       # of each block the one behind a LayerNorm
    form = export_network.OnnxNetwork(fold(network()), small, threads=1)
    moved = np.abs(poses(form) - poses(network())).max()
    assert 1e-6 < moved < 0.02 and len(small) < len(content)


def test_bfloat16_reaches_whole_clips_windows_and_streams():
    model = network()
    exact, form = poses(model), fold(model)
    shared, plain = poses(form, amp=True, batch_size=4), poses(form, amp=True, batch_size=64)
    lifter = make_lifter(form, Window(9), Lifting(amp=True), HUMAN36M)
    lines = [pose for points in CLIP.keypoints if (pose := lifter.push(points)) is not None]
    for found in (shared, plain, np.stack([*lines, *lifter.flush()])):
        assert found.dtype == np.float32 and 1e-5 < np.abs(found - exact).max() < 0.02


def prepare(computing, taken, monkeypatch, here=True):
    """The form that is taken where each costs `taken` seconds, by its runtime and precision."""
    monkeypatch.setattr(runtime, "chooses", CHOOSES)
    monkeypatch.setattr(export_network, "onnx_is_here", lambda: here)
    monkeypatch.setattr(export_network, "onnx_bytes", lambda model: "graph")
    monkeypatch.setattr(runtime, "to_int8", lambda content: "graph in int8")
    monkeypatch.setattr(export_network, "OnnxNetwork", lambda model, content, threads: (content, threads))
    monkeypatch.setattr(runtime, "time_forms", lambda forms, *_, **__: {key: taken[key] for key in forms})
    return runtime.prepare(torch.nn.Identity(), lambda model: "torch", Lifting(), computing)


TAKEN = {("torch", "float32"): 5.0, ("onnx", "float32"): 2.0, ("torch", "bf16"): 3.0, ("onnx", "int8"): 1.0}
SLOW = {**TAKEN, ("onnx", "float32"): 6.0, ("torch", "bf16"): 7.0, ("onnx", "int8"): 5.5}


@pytest.mark.parametrize("computing, taken, form", [
    (Computing(live=True), TAKEN, ("graph", 1)), (Computing(live=True), SLOW, "torch"),
    (Computing(), TAKEN, "torch"), (Computing("torch", live=True), TAKEN, "torch"),
    (Computing("onnx", live=True), SLOW, ("graph", 1)), (Computing(precision="bf16"), TAKEN, "torch"),
    (Computing("onnx"), SLOW, ("graph", torch.get_num_threads())),
    (Computing(precision="int8", live=True), TAKEN, ("graph in int8", 1)),
    (Computing("onnx", "int8", live=True), SLOW, ("graph in int8", 1))])
def test_the_faster_form_of_what_is_asked_for_is_taken(computing, taken, form, monkeypatch):
    assert prepare(computing, taken, monkeypatch) == form


@pytest.mark.parametrize("computing, taken", [
    (Computing(precision="bf16"), SLOW), (Computing(precision="int8"), SLOW),
    (Computing(precision="bf16", live=True), TAKEN),            # ONNX Runtime in float32 is faster
    (Computing("torch", "bf16", live=True), SLOW)])
def test_fewer_bits_that_are_not_faster_are_refused(computing, taken, monkeypatch):
    with pytest.raises(ValueError, match=f"--precision {computing.precision} is not faster.*Drop"):
        prepare(computing, taken, monkeypatch)


@pytest.mark.parametrize("computing", [Computing("onnx"), Computing(precision="int8", live=True)])
def test_without_its_packages_onnx_runtime_is_refused_with_how_to_install_it(computing, monkeypatch):
    with pytest.raises(ImportError, match="python -m pip install onnx onnxscript onnxruntime"):
        prepare(computing, TAKEN, monkeypatch, here=False)
    assert prepare(Computing(live=True), TAKEN, monkeypatch, here=False) == "torch"


def test_timing_takes_every_form_in_turn(monkeypatch):
    calls, now = [], iter(range(10_000))
    monkeypatch.setattr(runtime, "one_pass", lambda form, keypoints, **how: calls.append(
        (form, len(keypoints), how["amp"], how["flip_test"])))
    monkeypatch.setattr(runtime.time, "process_time", lambda: next(now))
    forms = {("torch", "float32"): "a", ("torch", "bf16"): "b"}
    taken = runtime.time_forms(forms, network(), Lifting(flip_test=False), windows=3)
    assert calls[:4] == 2 * [("a", 3, False, False), ("b", 3, True, False)]
    assert taken == dict.fromkeys(forms, 1) and len(calls) <= 2 * (1 + runtime.ROUNDS)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "release.pth"
    torch.save(release_state(9, layout=2, depth=1, dim=32), path)
    return path


@needs_onnx
def test_live_lines_by_onnx_runtime_are_those_of_pytorch_and_no_file_is_left(release, tmp_path, monkeypatch,
                                                                             capsys):
    monkeypatch.chdir(tmp_path)
    head = {"layout": "human36m", "fps": 50, "width": 1000, "height": 1000}
    lines = [head, *({"keypoints": (500 + 400 * points).tolist()} for points in CLIP.keypoints)]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    answers = []
    for asked in ("torch", "onnx"):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        assert run_ftcm.main(["--predict", "-", "--previous_dir", str(release), "--runtime", asked,
                              "--device", "cpu", "--fit", "0"]) == 0
        rows = capsys.readouterr().out.splitlines()[1:]
        answers.append(np.array([json.loads(row)["pose"] for row in rows]))
    assert answers[0].shape == (40, 17, 3) and np.abs(answers[1] - answers[0]).max() < 2.1e-5     # rounded
    assert os.listdir(tmp_path) == []


@needs_onnx
def test_an_evaluation_by_onnx_runtime_has_the_same_scores(release, tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    clips = [replace(CLIP, subject="S9"), random_clip(20, seed=3, subject="S11")]
    monkeypatch.setattr(run_ftcm, "load_clips", lambda args, split: clips)
    found = []
    for asked in ("torch", "onnx"):
        assert run_ftcm.main(["--train", "0", "--previous_dir", str(release), "--runtime", asked, "-k", "gt",
                              "--device", "cpu", "--output", str(tmp_path / asked)]) == 0
        found.append(json.loads((tmp_path / asked / "scores.json").read_text()))
    assert found[1]["average"]["mpjpe"] == pytest.approx(found[0]["average"]["mpjpe"], abs=1e-2)
    assert [report["runtime"] for report in found] == ["torch", "onnx"]
    assert found[0]["parameters"] == found[1]["parameters"] > 0


@pytest.mark.parametrize("line, words", [
    ("--train 1 --runtime onnx", "--runtime is for evaluation"), ("--train 0 --amp 1", "--precision bf16"),
    ("--export_onnx x.onnx --precision bf16", "--precision is for evaluation"),
    ("--predict x --amp 1", "--precision bf16"),
    ("--runtime onnx --precision bf16", "drop --runtime onnx"),
    ("--runtime torch --precision int8", "drop --runtime torch"), ("--precision fp16", "invalid choice")])
def test_what_cannot_be_is_refused_with_a_sentence(line, words, capsys):
    with pytest.raises(SystemExit) as stop:
        run_ftcm.options.parse(line.split())
    error = capsys.readouterr().err
    assert stop.value.code == 2 and words in error and error.count("\n") == 1


@pytest.mark.parametrize("asked", ["--runtime onnx", "--precision int8"])
def test_onnx_runtime_is_for_the_cpu_and_for_one_process(asked):
    args = run_ftcm.options.parse(["--train", "0", *asked.split()])
    for device, processes, words in (("cuda:0", 1, "add --device cpu"), ("cpu", 2, "without torchrun")):
        with pytest.raises(ValueError, match=f"{asked} .*{words}"):
            run_ftcm.choices.computing_of(args, device, processes)
    automatic = run_ftcm.options.parse(["--predict", "-"])
    assert run_ftcm.choices.computing_of(automatic, "cuda:0").runtime == "torch"
    assert run_ftcm.choices.computing_of(automatic, "cpu") == Computing("auto", live=True)
