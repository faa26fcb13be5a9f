"""poses.html holds its data, needs no network and plays in a real browser."""
import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from common.camera import camera_to_level
from common.skeleton import HUMAN36M
from common.video import player
from common.video.angles import angles
from common.video.level import up_at_pitch
from common.video.player import Film, Person, open_film, save_html
from tests.common.video.test_pose_files import articulated

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FFMPEG = shutil.which("ffmpeg")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
NUM_FRAMES = 40
# A headless browser's window is at least 500 pixels wide: the page lies in a frame of these sizes.
SIZES = {"phone": (390, 800), "desktop": (1280, 800)}
# A frame without an end keeps the browser from printing the page before `done` is called.
HOLD = """
const held = document.body.appendChild(document.createElement("iframe"));
held.contentDocument.open();
const done = facts => {
  Object.assign(document.documentElement.dataset, facts); held.contentDocument.close();
};
"""
FRAME = f"""<body><script>{HOLD} onmessage = event => done(event.data);</script>
<iframe src="ADDRESS" width="WIDTH" height="HEIGHT"></iframe>"""

# What the page's tests share: keys, pictures of a canvas, and where the results go.
TOOLS = """
const seen = {}, canvas = element("view3d"), look_at = name => { seen[name] = page.dataset.frame; };
const key = (name, shiftKey) => window.dispatchEvent(new KeyboardEvent("keydown", { key: name, shiftKey }));
const picture = (name = "view3d") => element(name).toDataURL();
const changes = act => { const before = picture(); act(); return picture() !== before; };
const choose = (name, value) => {
  element(name).value = value; element(name).dispatchEvent(new Event("change"));
};
canvas.setPointerCapture = () => {};
const pointer = (name, pointerId, clientX, clientY, more) => canvas.dispatchEvent(
  new PointerEvent(name, { pointerId, clientX, clientY, ...more }));
"""
# Acts as a user does and records what the page shows.
ACTIONS = TOOLS + """
look_at("opened"); key("ArrowRight"); look_at("right"); key("ArrowLeft", true); look_at("left ten");
key("End"); look_at("end"); seen.last = element("clock").textContent; key("Home"); look_at("home");
element("scrub").value = 7; element("scrub").dispatchEvent(new Event("input")); look_at("scrubbed");
const first = picture(), empty = document.createElement("canvas");
[empty.width, empty.height] = [canvas.width, canvas.height];
seen.painted = first !== empty.toDataURL();
seen["drag turns"] = changes(() => { pointer("pointerdown", 1, 10, 10); pointer("pointermove", 1, 90, 10);
                                     pointer("pointerup", 1, 90, 10); });
seen["wheel zooms"] = changes(() => canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: -300 })));
element("reset").click(); seen.reset = picture() === first;
pointer("pointerdown", 1, 10, 10); pointer("pointermove", 1, 60, 40, { shiftKey: true });
pointer("pointerup", 1, 60, 40);
seen["shift pans"] = view.pan[0] < 0 && view.pan[1] > 0 && view.yaw === START.yaw; key("0");
pointer("pointerdown", 1, 10, 10); pointer("pointerdown", 2, 20, 10); pointer("pointermove", 2, 40, 10);
pointer("pointerup", 1, 10, 10); pointer("pointerup", 2, 40, 10);
seen["two fingers zoom by three and pan"] = Math.abs(view.zoom - 3) < 1e-9 && view.pan[0] < 0; key("0");
seen.views = [];
for (const name of ["front", "side", "top"]) {
  document.querySelector(`[data-view=${name}]`).click();
  seen.views.push([view.yaw, view.pitch].map(angle => Math.round(angle * 180 / Math.PI)));
}
key("0"); choose("follow", "left_wrist");
const centre = camera(200, 148).place(standing(people[0])(rowOf(people[0], frame), 13));
seen.followed = centre.slice(0, 2).map(value => Math.round(value));
choose("follow", "pelvis");
seen.trails = changes(() => choose("trails", "wrist")); choose("trails", "");
seen.feet = changes(() => key("g")); key("g");
const curves = picture("curves"); choose("angle", "elbow_flexion");
seen.curves = picture("curves") !== curves; seen.reading = element("reading").textContent;
show(9); key("i"); show(19); key("o"); seen.loop = page.dataset.loop;
page.dataset.seen = JSON.stringify(seen);
"""


def people(num_frames=NUM_FRAMES, count=1, first=0):
    generator = np.random.default_rng(0)
    return [Person(f"person {number}", articulated(num_frames) + [number, 0, 4],
                   generator.uniform(0, 900, (num_frames, 17, 2)), first=number * first)
            for number in range(count)]


def write(path, title="a throw", shown=None, fps=25, **options):
    shown = shown or people()
    save_html(path, shown, title=title, fps=fps, size=(1920, 1080), **options)
    return shown


def embedded(text):
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(data[1])


def numbers(packed, *shape):
    """What `player.pack` packed, decoded independently: (*shape)."""
    values = np.frombuffer(base64.b64decode(packed["values"]), "<i2").reshape(shape).astype(float)
    return np.where(values == -32768, np.nan, values * packed["unit"])


def opened(path, folder, address="", script=""):
    """The attributes of <html> after the page at `path`, with `script`, has run in a headless browser."""
    if script:
        text = path.read_text().replace("</body>", f"<script>{script}</script></body>")
        path = path.with_name("acting.html")
        path.write_text(text)
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder.parent / 'profile'}", "--dump-dom",
               "--window-size=1400,900", f"{path.as_uri()}{address}"]
    page = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    facts = dict(re.findall(r'data-(\w+)="([^"]*)"', re.search(r"<html[^>]*>", page)[0]))
    if "seen" in facts:
        facts["seen"] = json.loads(facts["seen"].replace("&quot;", '"').replace("&amp;", "&"))
    return facts, page


def test_the_data_are_kept_to_a_millimetre_a_tenth_of_a_pixel_and_of_a_degree(tmp_path):
    person, = write(tmp_path / "poses.html")
    data = embedded((tmp_path / "poses.html").read_text())
    assert (data["fps"], data["frames"], data["joints"]) == (25, NUM_FRAMES, list(HUMAN36M.joints))
    found, = data["people"]
    poses = numbers(found["pose"], NUM_FRAMES, 17, 3) + numbers(found["root"], NUM_FRAMES, 1, 3)
    assert poses == pytest.approx(person.poses, abs=0.00101)
    assert numbers(found["keypoints"], NUM_FRAMES, 17, 2) == pytest.approx(person.keypoints, abs=0.051)
    expected = np.stack(list(angles(person.poses, HUMAN36M).values()), 1)
    assert numbers(found["angles"], *expected.shape) == pytest.approx(expected, abs=0.051, nan_ok=True)
    assert data["angles"] == list(angles(person.poses, HUMAN36M))


def test_poses_are_levelled_by_what_is_known_of_the_vertical(tmp_path):
    up, (person,) = up_at_pitch(20), people()
    write(tmp_path / "poses.html", shown=[Person("a", person.poses, person.keypoints, up=up)])
    found, = embedded((tmp_path / "poses.html").read_text())["people"]
    poses = numbers(found["pose"], NUM_FRAMES, 17, 3) + numbers(found["root"], NUM_FRAMES, 1, 3)
    assert poses == pytest.approx(camera_to_level(person.poses, up), abs=0.00101)


def test_pictures_and_places_beyond_16_bits_are_kept_more_coarsely(tmp_path):
    person, = people()
    write(tmp_path / "poses.html", shown=[Person("a", person.poses + [0, 0, 196], 70 * person.keypoints)])
    found, = embedded((tmp_path / "poses.html").read_text())["people"]
    assert numbers(found["root"], NUM_FRAMES, 3)[:, 2] == pytest.approx(person.poses[:, 0, 2] + 196, abs=4e-3)
    assert numbers(found["keypoints"], NUM_FRAMES, 17, 2) == pytest.approx(70 * person.keypoints, abs=1)


def test_the_page_names_no_other_file_and_no_address(tmp_path):
    write(tmp_path / "poses.html")
    text = re.sub('"values":"[^"]*"', "", (tmp_path / "poses.html").read_text())
    assert not re.search(r"https?:|//[a-z]|src=|href=|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    assert "default-src 'none'" in text and "@" not in text.replace("@media", "")


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
def test_a_browser_draws_the_frame_in_the_address_and_obeys_keys_mouse_fingers_and_buttons(tmp_path):
    shown = write(tmp_path / "poses.html")
    facts, _ = opened(tmp_path / "poses.html", tmp_path, "#frame=30", ACTIONS)
    assert "error" not in facts and facts["ready"] == str(NUM_FRAMES)
    left, right = (round(float(angles(shown[0].poses, HUMAN36M)[f"{side}_elbow_flexion"][7]))
                   for side in ("left", "right"))
    reading = facts["seen"].pop("reading")
    assert "elbow flexion" in reading and [int(number) for number in re.findall(r"(\d+)°", reading)] == [
        pytest.approx(left, abs=1), pytest.approx(right, abs=1)]
    assert facts["seen"] == {
        "opened": "30", "right": "31", "left ten": "21", "end": "40", "home": "1", "scrubbed": "8",
        "last": "Frame 40 of 40 · 1.56 s", "painted": True, "drag turns": True, "wheel zooms": True,
        "reset": True, "shift pans": True, "two fingers zoom by three and pan": True,
        "views": [[0, 0], [90, 0], [0, 90]], "followed": [100, 50], "trails": True, "feet": True,
        "curves": True, "loop": "10 to 20"}


@needs_browser
def test_playing_stays_inside_the_loop_and_filled_joints_are_hollow(tmp_path):
    person, = people()
    filled = np.zeros((NUM_FRAMES, 17), bool)
    filled[12, 16] = True
    write(tmp_path / "poses.html", shown=[Person("a", person.poses, person.keypoints, filled)])
    script = TOOLS + """
    show(9); setLoop(0); show(11); setLoop(1);
    const played = new Set();
    window.requestAnimationFrame = () => 0;
    play(true); last = 0;
    for (let now = 0; now < 2000; now += 15) { tick(now); played.add(frame + 1); }
    play(false);
    seen.played = [...played].sort();
    const hollow = []; for (let at = 11; at < 14; at++) hollow.push(isFilled(people[0], at, 16));
    show(12); const with_mark = picture("view2d"); people[0].filled.fill(0); draw();
    page.dataset.seen = JSON.stringify({ ...seen, hollow, marked: picture("view2d") !== with_mark,
                                         legend: !element("ring").hidden });
    """
    facts, _ = opened(tmp_path / "poses.html", tmp_path, "#frame=1", script)
    assert facts["seen"] == {"played": [10, 11, 12], "hollow": [False, True, False], "marked": True,
                             "legend": True}


# Whether everything lies inside the window, nothing overlaps, and what is touched is large enough.
LAYOUT = TOOLS + """
element("options").open = true; draw();
const boxes = ["view2d", "view3d", "scrub", "curves"].map(name => element(name).getBoundingClientRect());
page.dataset.seen = JSON.stringify({
  inside: document.scrollingElement.scrollWidth <= innerWidth && boxes.every(box => box.right <= innerWidth),
  large: boxes.slice(0, 2).every(box => box.width > 200 && box.height > 100),
  apart: boxes[1].bottom < boxes[2].top && boxes[2].bottom <= boxes[3].top,
  aligned: boxes[2].left === boxes[3].left && boxes[2].right === boxes[3].right,
  focus: changes(() => key("p")) && focus,
  people: [...element("people").children].map(chip => chip.textContent),
  drawn: people.map(person => changes(() => { person.first += 1000; draw(); })), width: innerWidth });
parent.postMessage({ ...page.dataset }, "*");
"""


@needs_browser
@pytest.mark.parametrize("size", SIZES)
def test_several_people_fit_a_phone_and_a_desktop(size, tmp_path):
    write(tmp_path / "poses.html", shown=people(count=2, first=10))
    page = (tmp_path / "poses.html").read_text().replace("</body>", f"<script>{LAYOUT}</script></body>")
    (tmp_path / "poses.html").write_text(page)
    width, height = map(str, SIZES[size])
    frame = FRAME.replace("ADDRESS", "poses.html#frame=20").replace("WIDTH", width).replace("HEIGHT", height)
    (tmp_path / "frame.html").write_text(frame)
    facts, _ = opened(tmp_path / "frame.html", tmp_path)
    assert "error" not in facts and facts["ready"] == "50"
    assert facts["seen"] == {"inside": True, "large": True, "apart": True, "aligned": True,
                             "width": SIZES[size][0], "drawn": [True, True], "focus": 1,
                             "people": ["person 0", "person 1"]}


@needs_browser
def test_a_page_of_100000_frames_opens_and_its_last_frame_is_the_last(tmp_path):
    person, = people(1000)
    write(tmp_path / "poses.html", shown=[Person("long", np.tile(person.poses, (100, 1, 1)),
                                                 np.tile(person.keypoints, (100, 1, 1)))])
    facts, page = opened(tmp_path / "poses.html", tmp_path, "#frame=100000")
    assert facts == {"frame": "100000", "ready": "100000"} and "66:39.96" in page


@needs_browser
def test_one_frame_is_enough_and_no_frame_lies_behind_the_last(tmp_path):
    write(tmp_path / "poses.html", shown=people(1))
    assert opened(tmp_path / "poses.html", tmp_path, "#frame=999")[0] == {"frame": "1", "ready": "1"}


@needs_browser
@pytest.mark.skipif(FFMPEG is None, reason="needs ffmpeg")
@pytest.mark.parametrize("how", ["embed", "link"])
def test_the_film_lies_behind_its_keypoints_at_the_right_time(how, tmp_path):
    film = tmp_path / "a film.webm"
    # A film whose every picture is of one grey: 40 and 5 more for each frame.
    subprocess.run([FFMPEG, "-loglevel", "error", "-f", "lavfi", "-i",
                    "color=black:size=64x36:rate=25:duration=1.6,geq=lum='40+5*N':cb=128:cr=128",
                    "-c:v", "libvpx", "-b:v", "2M", film], check=True)
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "poses.html", shown=people(30),
          film=open_film(how, film, tmp_path / "out", start=0.21))     # that is 5 frames, to a whole one
    script = TOOLS + HOLD + """
    film.video.addEventListener("error", () => done({}));
    const grey = () => {
      const small = document.createElement("canvas"); small.width = small.height = 1;
      const pen = small.getContext("2d"); pen.drawImage(film.video, 0, 0, 1, 1);
      return pen.getImageData(0, 0, 1, 1).data[0];
    };
    film.video.addEventListener("seeked", () => {
      if (frame !== 20) { show(20); return; }
      let found; try { found = grey(); } catch (error) { found = error.name; }
      const { currentTime: time, videoWidth: size } = film.video;
      done({ seen: JSON.stringify({ found, time, size }) });
    });
    """
    facts, _ = opened(tmp_path / "out" / "poses.html", tmp_path, "#frame=3", script)
    assert "error" not in facts and facts["film"] == "ready" and facts["seen"]["size"] == 64
    assert facts["seen"]["time"] == pytest.approx((5 + 20.5) / 25)
    # A page may not look into a film beside it, only show it.
    shade = (40 + 5 * 25 - 16) * 255 / 219
    assert facts["seen"]["found"] == (pytest.approx(shade, abs=3) if how == "embed" else "SecurityError")


def test_a_film_is_linked_as_seen_from_the_page(tmp_path):
    film = tmp_path / "films" / "a #1.MP4"
    film.parent.mkdir()
    film.write_bytes(b"film")
    assert open_film("link", film, tmp_path / "out") == Film(film, "../films/a%20%231.MP4")
    assert open_film("embed", film, tmp_path / "out", 2.5) == Film(film, None, 2.5)


def test_films_that_browsers_do_not_play_are_refused(tmp_path, monkeypatch):
    for name in ("film.avi", "film.mp4"):
        (tmp_path / name).write_bytes(b"12345")
    with pytest.raises(FileNotFoundError, match="no file .*none.mp4"):
        open_film("link", tmp_path / "none.mp4", tmp_path)
    with pytest.raises(ValueError, match="browsers play .mp4.*ffmpeg -i film.avi film.mp4"):
        open_film("link", tmp_path / "film.avi", tmp_path)
    monkeypatch.setattr(player, "MAX_FILM_BYTES", 4)
    with pytest.raises(ValueError, match="do not fit into a page.*--film link"):
        open_film("embed", tmp_path / "film.mp4", tmp_path)
    assert open_film("link", tmp_path / "film.mp4", tmp_path).link == "film.mp4"


@pytest.mark.parametrize("keypoints, poses, fps, filled", [
    (np.zeros((3, 17, 2)), np.zeros((4, 17, 3)), 25, None),
    (np.zeros((0, 17, 2)), np.zeros((0, 17, 3)), 25, None),
    (np.full((3, 17, 2), np.nan), np.zeros((3, 17, 3)), 25, None),
    (np.zeros((3, 17, 2)), np.zeros((3, 17, 3)), 0, None),
    (np.zeros((3, 17, 2)), np.zeros((3, 17, 3)), 25, np.zeros((2, 17), bool))])
def test_unequal_empty_or_nan_input_is_refused(keypoints, poses, fps, filled, tmp_path):
    with pytest.raises(ValueError, match="Expected"):
        save_html(tmp_path / "poses.html", [Person("a", poses, keypoints, filled)], title="a", fps=fps,
                  size=(640, 480))
    assert list(tmp_path.iterdir()) == []
