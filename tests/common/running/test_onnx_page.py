"""The programs on the page about ONNX files give the poses of --predict, in Python and in JavaScript."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from common import engine
from common.camera import denormalize_screen
from common.running.export_network import describe, save_onnx
from common.skeleton import HUMAN36M
from common.windows import Window
from model.folded import fold
from model.ftcm import FTCM
from tests.helpers import random_clip

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")

PAGE = (Path(__file__).parents[3] / "checkpoint" / "ONNX.md").read_text(encoding="utf-8")
WIDTH, HEIGHT = 1920, 1080
# A folder in which `npm install onnxruntime-web` was called, and a place to name another.
NODE_MODULES = Path(os.environ.get("ONNXRUNTIME_WEB", Path(__file__).parents[3])) / "node_modules"
NODE = shutil.which("node")
KINDS = {"centre, every third frame": {"tds": 3}, "last": {"target": "last"}, "every": {"every_frame": True}}
needs_web = pytest.mark.skipif(NODE is None or not (NODE_MODULES / "onnxruntime-web").is_dir(),
                               reason="needs node and npm install onnxruntime-web")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def exported(request, tmp_path_factory):
    """A folder with ftcm.onnx, what it says of itself, and the arguments that `predict` takes."""
    torch.manual_seed(0)
    data, every = {"dataset": "cmu", **request.param}, request.param.get("every_frame", False)
    network = fold(FTCM(frames=9, dim=16, depth=2, every_frame=every).eval())
    facts = describe(network, {"data": data, "fps": 50})
    folder = tmp_path_factory.mktemp("onnx")
    save_onnx(folder / "ftcm.onnx", network, facts)
    window = Window(9, tds=data.get("tds", 1), target=data.get("target", "center"), hop=3 if every else None)
    return folder, facts, network, window


def pixels_and_poses(network, window, num_frames):
    clip = random_clip(num_frames)
    poses, = engine.predict(network, [clip], window)["pose"]
    return denormalize_screen(clip.keypoints, width=WIDTH, height=HEIGHT), poses


@pytest.mark.parametrize("num_frames", [1, 5, 9, 31])
def test_python(exported, num_frames, tmp_path, monkeypatch):
    folder, _, network, window = exported
    pixels, poses = pixels_and_poses(network, window, num_frames)
    monkeypatch.chdir(folder)
    names = {}
    exec(block("python"), names)
    np.testing.assert_allclose(names["lift"](pixels, WIDTH, HEIGHT), poses, atol=1e-5)


@needs_web
def test_javascript(exported, tmp_path):
    folder, facts, network, window = exported
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    found = [pixels_and_poses(network, window, num_frames) for num_frames in (1, 5, 31)]
    (tmp_path / "lift.mjs").write_text(block("javascript"))
    (tmp_path / "in.json").write_text(json.dumps([facts, [pixels.tolist() for pixels, _ in found]]))
    (tmp_path / "run.mjs").write_text("""
        import * as ort from "onnxruntime-web"; import { lift } from "./lift.mjs"; import fs from "node:fs";
        ort.env.wasm.numThreads = 1;
        const [facts, clips] = JSON.parse(fs.readFileSync("in.json"));
        const session = await ort.InferenceSession.create(fs.readFileSync(process.argv[2]));
        const out = [];
        for (const pixels of clips) out.push(await lift(session, facts, pixels, 1920, 1080));
        fs.writeFileSync("out.json", JSON.stringify(out)); process.exit(0);""")
    subprocess.run([NODE, "run.mjs", folder / "ftcm.onnx"], cwd=tmp_path, check=True, capture_output=True,
                   timeout=120)
    for ours, (_, poses) in zip(json.loads((tmp_path / "out.json").read_text()), found, strict=True):
        np.testing.assert_allclose(ours, poses, atol=1e-5)


def test_the_file_explains_itself_and_names_its_axis(exported):
    folder, facts, network, window = exported
    session = runtime.InferenceSession(folder / "ftcm.onnx", providers=["CPUExecutionProvider"])
    said = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    assert said == json.loads(json.dumps(facts))
    assert said["joints"] == list(HUMAN36M.joints) and said["mirror_order"] == HUMAN36M.mirror_order
    assert (said["frames"], said["frame_rate"], said["frame_step"]) == (9, 50, window.tds)
    assert said["target_frame"] == (None if window.hop else window.place) and said["hop"] == window.hop
    assert "CMU" in said["licence"] and "MIT" in said["licence"]
    assert session.get_inputs()[0].shape == ["windows", 9, 17, 2]
    assert session.get_outputs()[0].shape[0] == "windows"
    symbols = {axis.dim_param for value in onnx.load(folder / "ftcm.onnx").graph.value_info
               for axis in value.type.tensor_type.shape.dim}
    assert not any(re.search(r"s\d", symbol) for symbol in symbols)
