"""Defaults of how much goes through a network at once, and of how far apart windows lie."""

FRAMES_AT_ONCE = 16384      # bounds memory: training a network of 512 channels takes about 4 GiB
CACHED_FRAMES = 768         # for inference on a CPU: few enough for its caches
WINDOWS_PER_FRAME = 3       # windows that hold each frame where a network predicts every frame


def training_windows(frames: int) -> int:
    """Windows of `frames` frames that go through a network at once when training."""
    return max(1, FRAMES_AT_ONCE // frames)


def inference_windows(frames: int, device: str) -> int:
    """Windows of `frames` frames that go through a network at once without gradients."""
    return max(1, (CACHED_FRAMES if device == "cpu" else FRAMES_AT_ONCE) // frames)


def default_hop(frames: int) -> int:
    """Frames between the starts of two windows of `frames` frames."""
    return -(-frames // WINDOWS_PER_FRAME)
