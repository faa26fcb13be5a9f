"""Several networks whose poses are averaged, each with windows of its own.

Shapes: N frames of a clip, J joints.
"""
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from common import engine
from common.clips import Clip
from common.lift import Lifting
from common.windows import Window


@dataclass(frozen=True)
class Member:
    """One of the networks: its windows, and how it lifts."""
    network: nn.Module
    window: Window
    lifting: Lifting


class Ensemble(nn.Module):
    """Networks of one joint layout, target frame and frame rate; their poses are averaged frame by frame."""

    def __init__(self, members: list[Member]):
        super().__init__()
        self.members = members
        self.networks = nn.ModuleList(member.network for member in members)     # for .to and .parameters

    def change(self, form: Callable[[nn.Module, Lifting], nn.Module]) -> "Ensemble":
        """The same with each network in another form."""
        return Ensemble([replace(member, network=form(member.network, member.lifting))
                         for member in self.members])


def predict(model: nn.Module, clips: list[Clip], window: Window, lifting: Lifting, *, refiner=None,
            desc: str = "predict") -> dict[str, list[np.ndarray]]:
    """As engine.predict. The poses (N, J, 3) of an Ensemble are the mean of its networks' poses.

    Its networks have their own windows and batches; of `lifting` they take which frames are lifted.
    """
    if not isinstance(model, Ensemble):
        return engine.predict(model, clips, window, lifting, refiner=refiner, desc=desc)
    found = [engine.predict(member.network, clips, member.window,
                            replace(member.lifting, every=lifting.every),
                            desc=f"{desc} {number} of {len(model.members)}")["pose"]
             for number, member in enumerate(model.members, 1)]
    return {"pose": [np.mean(poses, axis=0, dtype=np.float32) for poses in zip(*found, strict=True)]}
