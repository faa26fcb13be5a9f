"""The live page: who may see it, what it is sent, and that neither it nor its readers hold up the work."""
import io
import json
import os
import re
import signal
import socket
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

from common.skeleton import HUMAN36M
from common.video.angles import angles
from common.video.backlog import LATE, MOST, Backlog
from common.video.live import (
    RateLifter,
    make_live_placer,
    pose_line,
    read_until_interrupted,
    write_pose_lines,
)
from common.video.placement import Placement
from common.video.view import MAX_WATCHERS, View
from tests.common.video.test_live import LIFTERS, lifter, say, start
from tests.common.video.test_live import command as command  # a fixture
from tests.common.video.test_player import TOOLS, embedded, needs_browser, opened
from tests.helpers import random_clip
from tests.keypoint_samples import SIZE, track

CLIP = random_clip(40)


@pytest.fixture
def view():
    view = View(title="Live", fps=25, size=(1000, 500), delay=0.5)
    yield view
    view.close()


def ask(view, head):
    """All that the server answers to a request's first lines."""
    with socket.create_connection(("127.0.0.1", view.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def watch(view, **options):
    """A connection that is sent frames, and its file."""
    connection = socket.create_connection(("127.0.0.1", view.port), timeout=20)
    for name, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    connection.sendall(f"GET {view.path}frames HTTP/1.1\r\nHost: 127.0.0.1:{view.port}\r\n\r\n".encode())
    file = connection.makefile("rb")
    while file.readline().strip():
        pass
    return connection, file


def show(view, frame):
    view.show(pose_line(frame, 2, CLIP.pose[frame % len(CLIP)]), CLIP.keypoints[frame % len(CLIP)])


@pytest.mark.parametrize("method, path, host, status", [
    ("GET", "{path}", "127.0.0.1:{port}", 200), ("GET", "{path}", "localhost:{port}", 200),
    ("GET", "{path}", "attacker.example:{port}", 403), ("GET", "{path}", "127.0.0.1.example:{port}", 403),
    ("GET", "{path}", "127.0.0.1", 403), ("GET", "{path}frames", "attacker.example", 403),
    ("GET", "{path}", "127.0.0.1:{port}\r\nHost: attacker.example", 403),
    ("GET", "/", "127.0.0.1:{port}", 404), ("GET", "/frames", "127.0.0.1:{port}", 404),
    ("GET", "{path}../../etc/passwd", "127.0.0.1:{port}", 404),
    ("POST", "{path}", "127.0.0.1:{port}", 405), ("GET", "{path} more", "127.0.0.1:{port}", 400)])
def test_only_a_request_that_names_this_server_and_the_whole_address_sees_the_page(
        method, path, host, status, view):
    known = {"path": view.path, "port": view.port}
    answer = ask(view, f"{method} {path.format(**known)} HTTP/1.1\r\nHost: {host.format(**known)}")
    assert answer.startswith(f"HTTP/1.1 {status} ") and ("<canvas" in answer) == (status == 200)


def test_it_listens_on_this_computer_only_and_its_address_cannot_be_guessed(view):
    assert view.server.sockets[0].getsockname()[0] == "127.0.0.1" and len(view.server.sockets) == 1
    other = View(title="Live", fps=25, size=(1000, 500), delay=0.5)
    other.close()
    assert view.path != other.path and len(view.path) >= 16
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(other.address, timeout=5)


def test_a_frame_arrives_as_it_was_shown_and_the_end_is_told(view):
    connection, file = watch(view)
    show(view, 7)
    event = json.loads(file.readline().removeprefix(b"data: "))
    assert (event["frame"], event["unseen"], event["dropped"]) == (7, 2, 0)
    pose, root = np.array(event["pose"]).reshape(17, 3), np.array(event["root"])
    assert (pose + root) / 1000 == pytest.approx(CLIP.pose[7], abs=0.0011)
    pixels = (CLIP.keypoints[7] + [1, 0.5]) * 500
    assert np.array(event["keypoints"]).reshape(17, 2) / 10 == pytest.approx(pixels, abs=0.051)
    expected = np.stack(list(angles(CLIP.pose[7:8], HUMAN36M).values()), 1)[0]
    found = np.array([np.nan if value == -32768 else value / 10 for value in event["angles"]])
    assert found == pytest.approx(expected, abs=0.1, nan_ok=True)
    file.readline()
    view.show(pose_line(8, 0, None) | {"dropped": True}, None)
    assert json.loads(file.readline().removeprefix(b"data: ")) == {
        "frame": 8, "unseen": 0, "dropped": 1, "pose": None}
    file.readline()
    view.close()
    assert file.read() == b'event: end\ndata: {"frame": 1, "dropped": 1, "unseen": 0}\n\n'
    connection.close()


def test_a_reader_that_never_reads_and_one_that_never_asks_hold_up_nobody(view, capfd):
    silent = socket.create_connection(("127.0.0.1", view.port))
    stuck, _ = watch(view, SO_RCVBUF=4096)
    quick, file = watch(view)
    for frame in range(3000):                           # 2 MB for the one that never reads
        show(view, frame)
        if frame % 50 == 0:                             # the quick one sees this frame or a later one
            seen = -1
            while seen < frame:
                line = file.readline()
                seen = json.loads(line[6:])["frame"] if line.startswith(b"data: ") else seen
    waiting = [watcher.transport.get_write_buffer_size() for watcher in view.watchers]
    assert len(waiting) == 2 and max(waiting) < 10_000
    view.close()                                        # neither keeps it from ending, nor without a word
    assert not view.thread.is_alive() and capfd.readouterr().err == ""
    for connection in (silent, stuck, quick):
        connection.close()


def test_more_pages_than_a_few_are_turned_away(view):
    watching = [watch(view) for _ in range(MAX_WATCHERS)]
    head = f"GET {view.path}frames HTTP/1.1\r\nHost: 127.0.0.1:{view.port}"
    assert ask(view, head).startswith("HTTP/1.1 503 ")
    watching[0][1].close()
    watching[0][0].close()
    for _ in range(200):
        if len(view.watchers) < MAX_WATCHERS:
            break
        threading.Event().wait(0.02)
    again, _ = watch(view)
    for connection in (again, *(connection for connection, _ in watching[1:])):
        connection.close()


def test_few_lines_wait_and_whoever_writes_more_waits():
    backlog = Backlog(io.BytesIO(b"".join(b"%d\n" % number for number in range(3 * MOST))))
    while backlog.lines.qsize() < MOST:
        pass
    assert backlog.late()
    lines = list(read_until_interrupted(backlog))
    assert [int(line) for line in lines] == list(range(3 * MOST)) and not backlog.late()


def test_few_waiting_lines_are_not_late():
    backlog = Backlog(io.BytesIO(b"line\n" * (LATE - 1)))
    while backlog.lines.qsize() < LATE:                 # the file's end is one of them
        pass
    assert not backlog.late()


@pytest.mark.parametrize("kind", LIFTERS)
@pytest.mark.parametrize("fps", [50, 30])
def test_dropped_frames_have_lines_without_a_pose_and_change_no_other_pose_of_a_window(kind, fps):
    def lines(late):
        own, calls = lifter(kind), iter(range(10 ** 6))
        own.late = lambda: late(next(calls))
        out, shown = io.StringIO(), []
        count = write_pose_lines([(keypoints, 0) for keypoints in CLIP.keypoints],
                                 RateLifter(own, fps=fps, trained_fps=50), out=out,
                                 place=make_live_placer(Placement(fit=False)),
                                 show=lambda line, keypoints: shown.append((line, keypoints)))
        rows = [json.loads(line) for line in out.getvalue().splitlines()]
        assert count == len(rows) == 40 and [row["frame"] for row in rows] == list(range(40))
        assert [line for line, _ in shown] == rows
        assert all((keypoints is None) == ("dropped" in row) for row, (_, keypoints) in zip(rows, shown))
        return rows
    every, some = lines(lambda call: False), lines(lambda call: call % 10 in (4, 5, 6))
    dropped = [row["frame"] for row in some if "dropped" in row]
    assert 0 < len(dropped) < 30 and all(some[frame]["pose"] is None for frame in dropped)
    if kind != "all":                                   # with "all", a pose is the mean of fewer windows
        assert [row for row in some if "dropped" not in row] == [
            row for row in every if row["frame"] not in dropped]


@needs_browser
def test_the_page_shows_the_newest_frame_and_keeps_the_last_seconds(view, tmp_path):
    (tmp_path / "live.html").write_bytes(view.page)
    assert embedded(view.page.decode())["frames"] == 20 * 25
    events = [view.describe(pose_line(frame, 0, CLIP.pose[frame]), CLIP.keypoints[frame], 0)
              for frame in range(30)]
    script = TOOLS + f"""
    window.requestAnimationFrame = draw_now => draw_now();
    const empty = picture(), events = {json.dumps(events)};
    receive(events[0]); const first = picture();
    for (const event of events.slice(1)) receive(event);
    sayLive("Live", true);
    const [x, y] = joint3d(people[0], frame, 3);
    receive({{ ...events[0], pose: null, frame: 30, dropped: 4 }}); sayLive("Live", true);
    seen.state = element("state").textContent; seen.clock = element("clock").textContent;
    seen.moves = first !== empty && picture() !== first; seen.at = [x, y];
    element("scrub").value = 489; element("scrub").dispatchEvent(new Event("input"));
    seen.past = joint3d(people[0], frame, 3).slice(0, 2); receive({{ ...events[5], frame: 31 }});
    seen.kept = JSON.stringify(joint3d(people[0], frame, 3).slice(0, 2)) === JSON.stringify(seen.past);
    seen.then = element("clock").textContent;
    element("play").click(); seen.again = element("clock").textContent;
    page.dataset.seen = JSON.stringify(seen);
    """
    facts, _ = opened(tmp_path / "live.html", tmp_path, script=script)
    seen = facts["seen"]
    assert "error" not in facts and seen["state"] == "Live · 0.5 s behind · frame 31 · 4 dropped"
    assert (seen["clock"], seen["then"], seen["again"]) == ("now", "0.48 s ago", "now")
    assert seen["moves"] and seen["kept"]
    assert seen["at"] == pytest.approx(CLIP.pose[29, 3, :2] * [1, -1], abs=0.0011)
    assert seen["past"] == pytest.approx(CLIP.pose[19, 3, :2] * [1, -1], abs=0.0011)


def test_the_program_serves_the_page_counts_dropped_frames_and_ends_with_ctrl_c(command):  # noqa: F811
    with start(command, "--view") as process:
        say(process, {"layout": "coco17", **SIZE, "fps": 25})
        address = None
        while address is None:
            address = re.search(rb"http://127\.0\.0\.1:\d+/\S+/", process.stderr.readline())
        page = urllib.request.urlopen(address[0].decode(), timeout=20).read().decode()
        assert embedded(page)["live"] and embedded(page)["width"] == SIZE["width"]
        process.stdout.readline()
        events = urllib.request.urlopen(address[0].decode() + "frames", timeout=20)
        for number, points in enumerate(track(3)):
            say(process, points.tolist())
            assert json.loads(process.stdout.readline())["frame"] == number
            event = json.loads(events.readline().removeprefix(b"data: "))
            assert event["frame"] == number and len(event["pose"]) == 51
            events.readline()
        process.send_signal(signal.SIGINT)
        assert b"event: end" in events.read()
        assert (process.wait(60), process.stdout.read()) == (0, b"")
        error = process.stderr.read()
        assert b"3 frames, 0 of them dropped." in error
        assert b"Traceback" not in error and b"Fatal" not in error      # standard input is still open


def test_an_own_buffer_is_read_where_there_is_one():
    reading, writing = os.pipe()
    os.write(writing, b"one\n")
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert Backlog(file).readline() == b"one\n"
