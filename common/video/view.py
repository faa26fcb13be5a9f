"""A page on this computer that shows the body as it moves. The page is the player's (player.py), live.

One thread serves it. A browser that reads slowly misses frames, and nothing waits for it.
"""
import asyncio
import json
import secrets
import socket
import threading
from collections import deque
from contextlib import suppress

import numpy as np

from common.camera import denormalize_screen
from common.skeleton import HUMAN36M
from common.video.player import (
    ANGLE_UNIT,
    KEYPOINT_UNIT,
    POSE_UNIT,
    Person,
    angle_table,
    page_parts,
    whole_numbers,
)

HOST = "127.0.0.1"
SECONDS, MOST_FRAMES = 20, 2400         # of the past that the page keeps
MAX_REQUEST, MAX_WATCHERS = 16_384, 8   # bytes of a request; pages that are open at once
PATIENCE = 10                           # seconds to send a request
SEND_BUFFER = 16_384                    # bytes that the system holds for a browser
MOST_WAITING, BEHIND = 16, 8192         # frames to send; bytes not yet taken by a browser that misses them
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
           "Content-Security-Policy": "frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
           "Cross-Origin-Resource-Policy": "same-origin", "Connection": "close"}
# What ends an answer early: silence, half a request, one that is too long, the page or the program going.
GONE = (asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError,
        asyncio.CancelledError)
STATUS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
          503: "Service Unavailable"}


class View:
    """Serves a live page at `address` until it is closed.

    Only this computer reaches it, through an address that cannot be guessed. A request must name this server
    as its host: a page of another site whose name was pointed here is refused.
    """

    def __init__(self, *, title: str, fps: float, size: tuple[int, int], delay: float):
        self.size, self.count, self.dropped, self.scheduled = size, 0, 0, False
        self.page = live_page(title, fps, size, delay)
        self.waiting = deque(maxlen=MOST_WAITING)       # frames to send: their lines and keypoints
        self.watchers: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.answer, HOST, 0, limit=MAX_REQUEST))
        self.port, secret = self.server.sockets[0].getsockname()[1], secrets.token_urlsafe(12)
        self.address, self.path = f"http://{HOST}:{self.port}/{secret}/", f"/{secret}/"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def show(self, line: dict, keypoints: np.ndarray | None) -> None:
        """Show a frame: its line of output and its keypoints (J, 2), screen coordinates. Never waits."""
        self.count += 1
        self.dropped += line.get("dropped", False)
        self.waiting.append((line, keypoints, self.dropped))
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon_threadsafe(self.send)

    def send(self) -> None:
        """Send what waits to every page that is not far behind. Runs in the server's thread."""
        self.scheduled = False
        while self.waiting:
            frame = self.waiting.popleft()
            ready = [watcher for watcher in self.watchers
                     if watcher.transport.get_write_buffer_size() < BEHIND]
            if ready:
                event = json.dumps(self.describe(*frame), separators=(",", ":"))
                for watcher in ready:
                    watcher.write(f"data: {event}\n\n".encode())

    def describe(self, line: dict, keypoints: np.ndarray | None, dropped: int) -> dict:
        """A frame as the page takes it: whole numbers of the units of player.py; `dropped` so far."""
        facts = {"frame": line["frame"], "unseen": line["unseen"], "dropped": dropped, "pose": None}
        if line["pose"] is None:
            return facts
        pose = np.array(line["pose"])
        root = pose[HUMAN36M.root]
        parts = {"pose": (pose - root, POSE_UNIT), "root": (root, POSE_UNIT),
                 "keypoints": (denormalize_screen(keypoints, width=self.size[0], height=self.size[1]),
                               KEYPOINT_UNIT),
                 "angles": (angle_table(pose[None]), ANGLE_UNIT)}
        return facts | {name: whole_numbers(values, unit).ravel().tolist()
                        for name, (values, unit) in parts.items()}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with suppress(*GONE):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            status = self.judge(head.decode("latin-1"))
            if status == 200 and head.split()[1].endswith(b"frames"):
                await self.stream(reader, writer)
            else:
                body = self.page if status == 200 else f"{status} {STATUS[status]}\n".encode()
                kind = "text/html" if status == 200 else "text/plain"
                writer.write(header(status, kind, {"Content-Length": str(len(body))}) + body)
                await asyncio.wait_for(writer.drain(), PATIENCE)
        writer.close()

    def judge(self, head: str) -> int:
        """The status of the answer to a request."""
        first, *fields = head.split("\r\n")
        hosts = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("host:")]
        words = first.split(" ")
        if len(words) != 3:
            return 400
        if len(hosts) != 1 or hosts[0] not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            return 403
        if words[1] not in (self.path, f"{self.path}frames"):
            return 404
        if words[0] != "GET":
            return 405
        return 503 if words[1].endswith("frames") and len(self.watchers) >= MAX_WATCHERS else 200

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Make the page behind `writer` one of those that are sent frames, until it goes."""
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        writer.write(header(200, "text/event-stream", {}))
        self.watchers.add(writer)
        try:
            await reader.read(1)                        # a page sends nothing more: this is its end
        finally:
            self.watchers.discard(writer)

    def close(self) -> None:
        """Tell the pages that it is over and stop."""
        if not self.thread.is_alive():
            return
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self.finish(), self.loop).result(timeout=2)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=2)

    async def finish(self) -> None:
        """Send each page what waits and the last counts, for a second at most; then cut all connections."""
        self.server.close()
        self.send()
        counts = json.dumps({"frame": self.count - 1, "dropped": self.dropped, "unseen": 0})
        for watcher in self.watchers:
            watcher.write(f"event: end\ndata: {counts}\n\n".encode())
            watcher.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=1)       # each ends when its page has taken all
        for watcher in self.watchers:
            watcher.transport.abort()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def header(status: int, kind: str, more: dict[str, str]) -> bytes:
    """The head of an answer."""
    fields = {"Content-Type": f"{kind}; charset=utf-8", **HEADERS, **more}
    return "\r\n".join([f"HTTP/1.1 {status} {STATUS[status]}", *(f"{name}: {value}" for name, value in
                                                               fields.items()), "", ""]).encode()


def live_page(title: str, fps: float, size: tuple[int, int], delay: float) -> bytes:
    """The player with room for the newest seconds, still empty; `delay` of the poses, seconds."""
    frames = max(2, min(MOST_FRAMES, round(SECONDS * fps)))
    empty = Person(title, np.zeros((frames, 17, 3)), np.zeros((frames, 17, 2)))
    return "".join(page_parts([empty], title=title, fps=fps, size=size, live={"delay": delay})).encode()
