"""A network of short windows as the beginning of one of windows with more frames.

Windows of 3 frames, 9 frames apart, cost a ninth of windows of 27 frames that span the same time, and most of
what a lifter learns it learns from single frames. So a training may begin with the short ones and go on with
the long ones: `grow` makes the FPM of the long windows do to their low frequencies what that of the short
ones did. All other weights do not depend on the number of frames.
"""
import math

import torch


def grow(saved: dict, frames: int) -> dict:
    """The FTCM checkpoint `saved` for windows of `frames` frames that span the same time.

    The frames lie closer together by an odd factor m = frames / the checkpoint's frames, so the shorter
    window's are every m-th of them. Raises ValueError where that does not go up.
    """
    short, step = saved["model_args"]["frames"], saved["data"].get("tds", 1)
    factor = frames // short
    if saved.get("network", "ftcm") != "ftcm" or frames != factor * short or factor % 2 == 0 or step % factor:
        raise ValueError(
            f"--grow 1 makes -f {frames} of an FTCM with windows of an odd part of them, {frames} / 3 or "
            f"{frames} / 5 frames, as many times as far apart (-tds); the checkpoint has {short} frames and "
            f"-tds {step}. Choose another --frames.")
    first = factor - 1 if saved["data"].get("target") == "last" else (factor - 1) // 2
    model = {key: extend(weight, frames, first) if key.endswith("fpm.mixing") else weight
             for key, weight in saved["model"].items()}
    return {**saved, "model": model, "model_args": saved["model_args"] | {"frames": frames},
            "data": saved["data"] | {"tds": step // factor}}


def extend(mixing, frames: int, first: int):
    """The FPM's matrix (K, K, 2) for windows of `frames` frames: zero for the frequencies that are new.

    The shorter window's frames are every m-th of the longer one's from number `first` on, which shifts
    frequency k by k * first / frames of a turn (shift theorem of the Fourier transform).
    """
    known, bins = len(mixing), frames // 2 + 1
    shift = torch.polar(torch.ones(known), 2 * math.pi * first / frames * torch.arange(known))      # (K,)
    matrix = torch.view_as_complex(mixing.float().contiguous())
    grown = torch.zeros(bins, bins, dtype=torch.complex64)
    grown[:known, :known] = shift.conj()[:, None] * matrix * shift
    return torch.view_as_real(grown)
