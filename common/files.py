"""Files are replaced whole or not at all."""
import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8, under a temporary name, then move the file into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
