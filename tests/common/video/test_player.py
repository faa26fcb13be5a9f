"""poses.html holds its data, needs no network and plays in a real browser."""
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from common.recording import Recording
from common.skeleton import HUMAN36M
from common.video.player import save_html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
NUM_FRAMES = 40

# Acts as a user does and records what the page shows.
ACTIONS = """<script>
const seen = {}, canvas = element("view3d"), look = name => { seen[name] = page.dataset.frame; };
const key = (name, shiftKey) => window.dispatchEvent(new KeyboardEvent("keydown", { key: name, shiftKey }));
const picture = () => canvas.toDataURL();
look("opened"); key("ArrowRight"); look("right"); key("ArrowLeft", true); look("left ten");
key("End"); look("end");
element("scrub").value = 7; element("scrub").dispatchEvent(new Event("input")); look("scrubbed");
const before = picture(), empty = document.createElement("canvas");
[empty.width, empty.height] = [canvas.width, canvas.height];
seen.painted = before !== empty.toDataURL();
canvas.setPointerCapture = () => {};
for (const [name, clientX] of [["pointerdown", 10], ["pointermove", 90], ["pointerup", 90]])
  canvas.dispatchEvent(new PointerEvent(name, { pointerId: 1, clientX, clientY: 10 }));
const turned = picture();
canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: -300, cancelable: true }));
seen["drag turns"] = turned !== before; seen["wheel zooms"] = picture() !== turned;
element("reset").click(); seen.reset = picture() === before;
page.dataset.seen = JSON.stringify(seen);
</script>"""


def write(path, title="a throw", num_frames=NUM_FRAMES):
    generator = np.random.default_rng(0)
    keypoints = generator.uniform(0, 900, (num_frames, 17, 2))
    poses = generator.uniform(-1, 1, (num_frames, 17, 3))
    save_html(path, Recording(title, keypoints, fps=25, width=1920, height=1080), poses)
    return keypoints, poses


def embedded(text):
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(data[1])


def opened(path, folder, address=""):
    """The attributes of <html> after the page at `path` has run in a headless browser."""
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom",
               f"{path.as_uri()}{address}"]
    page = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    return dict(re.findall(r'data-(\w+)="([^"]*)"', re.search(r"<html[^>]*>", page)[0])), page


def test_the_data_are_kept_to_a_millimetre_and_a_tenth_of_a_pixel(tmp_path):
    keypoints, poses = write(tmp_path / "poses.html")
    data = embedded((tmp_path / "poses.html").read_text())
    assert np.array(data["poses"]).reshape(poses.shape) / 1000 == pytest.approx(poses, abs=0.00051)
    assert np.array(data["keypoints"]).reshape(keypoints.shape) / 10 == pytest.approx(keypoints, abs=0.051)
    assert (data["fps"], data["frames"], data["joints"]) == (25, NUM_FRAMES, list(HUMAN36M.joints))


def test_the_page_names_no_other_file_and_no_address(tmp_path):
    write(tmp_path / "poses.html")
    text = (tmp_path / "poses.html").read_text()
    assert not re.search(r"https?:|//[a-z]|src=|href=|@import|fetch\(|XMLHttpRequest|WebSocket", text)


def test_a_title_cannot_leave_its_place(tmp_path):
    title = '</script><script>document.documentElement.dataset.error="in"</script> @DATA@ & "'
    write(tmp_path / "poses.html", title)
    text = (tmp_path / "poses.html").read_text()
    assert text.count("</script>") == 2 and embedded(text)["title"] == title
    if BROWSER:
        facts, page = opened(tmp_path / "poses.html", tmp_path)
        assert facts["ready"] == str(NUM_FRAMES) and "error" not in facts
        assert "&lt;/script&gt;" in re.search(r'<h1 id="title">(.*?)</h1>', page)[1]


@needs_browser
def test_a_browser_draws_the_frame_in_the_address_and_obeys_keys_mouse_and_scrub_bar(tmp_path):
    write(tmp_path / "poses.html")
    acting = (tmp_path / "poses.html").read_text().replace("</body>", ACTIONS + "</body>")
    (tmp_path / "poses.html").write_text(acting)
    facts, page = opened(tmp_path / "poses.html", tmp_path, "#frame=30")
    assert "error" not in facts and facts["ready"] == str(NUM_FRAMES)
    assert json.loads(facts["seen"].replace("&quot;", '"')) == {
        "opened": "30", "right": "31", "left ten": "21", "end": "39", "scrubbed": "7",
        "drag turns": True, "wheel zooms": True, "reset": True, "painted": True}
    assert f"frame 7 of {NUM_FRAMES - 1}, 0.28 s" in page


@needs_browser
def test_one_frame_is_enough_and_no_frame_lies_behind_the_last(tmp_path):
    write(tmp_path / "poses.html", num_frames=1)
    assert opened(tmp_path / "poses.html", tmp_path, "#frame=999")[0] == {"frame": "0", "ready": "1"}


@pytest.mark.parametrize("keypoints, poses, fps", [
    (np.zeros((3, 17, 2)), np.zeros((4, 17, 3)), 25), (np.zeros((0, 17, 2)), np.zeros((0, 17, 3)), 25),
    (np.full((3, 17, 2), np.nan), np.zeros((3, 17, 3)), 25), (np.zeros((3, 17, 2)), np.zeros((3, 17, 3)), 0)])
def test_unequal_empty_or_nan_input_is_refused(keypoints, poses, fps, tmp_path):
    with pytest.raises(ValueError, match="Expected"):
        save_html(tmp_path / "poses.html", Recording("a", keypoints, fps, width=640, height=480), poses)
    assert list(tmp_path.iterdir()) == []
