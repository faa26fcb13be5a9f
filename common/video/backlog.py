"""Lines that come faster than they are worked off: how many wait is known, and never many wait."""
import io
import os
import queue
import sys
import threading
from typing import BinaryIO

from common.bounds import MAX_LINE_BYTES

MOST = 64           # lines that wait here; then nothing is read, and who writes them waits
LATE = 4            # waiting lines above which the work is late


class Backlog:
    """The lines of `file`, read by a thread of its own; `readline` gives them like the file's."""

    def __init__(self, file: BinaryIO):
        self.lines: queue.Queue[bytes] = queue.Queue(MOST)
        threading.Thread(target=self.read, args=(reopened(file),), daemon=True).start()

    def read(self, file: BinaryIO) -> None:
        """Put each line, and the file's end, which is empty. Of a line that is too long a part is enough."""
        line = b" "
        while line:
            try:
                line = file.readline(MAX_LINE_BYTES + 1)
            except (OSError, ValueError):               # closed
                line = b""
            self.lines.put(line)

    def readline(self, _limit: int = -1) -> bytes:
        """The next line, empty at the end of the file. Waits for it; Ctrl-C interrupts the waiting."""
        while True:
            try:
                return self.lines.get(timeout=0.5)      # on Windows nothing interrupts an endless waiting
            except queue.Empty:
                pass

    def late(self) -> bool:
        """Whether more lines wait than a live answer allows."""
        return self.lines.qsize() > LATE


def reopened(file: BinaryIO) -> BinaryIO:
    """`file`; standard input with a buffer of its own: Python cannot end while a thread reads from its first.

    What another file has read ahead, as that of a camera's detector has, would be lost with its buffer.
    """
    if file is not getattr(sys.stdin, "buffer", None):
        return file
    try:
        return open(os.dup(file.fileno()), "rb")
    except (AttributeError, io.UnsupportedOperation):
        return file
