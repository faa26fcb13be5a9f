"""Teachers: trained networks whose poses a network in training is to come near.

Shapes: B batch, T frames of the student's windows, J joints.
"""
from dataclasses import replace

import torch

from common.batch_sizes import inference_windows
from common.inputs import Inputs
from common.windows import Batch, Window


class Teachers:
    """Networks for the windows of a student, whose own may be longer or shorter and have the same target.

    `window` has the frames of the longest: batches are gathered and augmented with it. `whole` tells whether
    the student predicts every frame; then each of its teachers must, with windows that hold the student's.
    `inputs`: what each is given; None for screen coordinates. Raises ValueError otherwise.
    """

    def __init__(self, models: list[torch.nn.Module], student: Window, *, whole: bool,
                 inputs: list[Inputs] | None = None):
        self.models, self.inputs = [model.eval() for model in models], inputs or [Inputs()] * len(models)
        self.student, self.whole = student, whole
        for model in models if whole else ():
            if not model.every_frame or model.frames < student.frames:
                raise ValueError(
                    f"--every_frame 1 learns from networks that predict every frame of windows of "
                    f"{student.frames} frames or more. One of --teacher has {model.frames} frames and "
                    f"predicts {'all' if model.every_frame else 'one'} of them. Leave it out.")
        self.window = replace(student, frames=max(student.frames, *(model.frames for model in models)))

    def part(self, frames: int) -> slice:
        """Where a window of so many frames with the same target lies in `window`."""
        first = self.window.place - replace(self.student, frames=frames).place
        return slice(first, first + frames)

    def __call__(self, batch: Batch) -> Batch:
        """The student's windows within a batch of those of `window`, with what the teachers say of them.

        `taught` is their mean pose, (B, J, 3), or (B, T, J, 3) if `whole`.
        """
        own = self.part(self.student.frames)
        with torch.no_grad():
            taught = torch.stack([self.lift(model, given, batch)
                                  for model, given in zip(self.models, self.inputs)]).mean(0)
        seen = None if batch.seen is None else batch.seen[:, own]
        batch = replace(batch, keypoints=batch.keypoints[:, own], seen=seen, taught=taught)
        if batch.pose.ndim == 3:                                # the truth at the targets alone
            return batch
        root = None if batch.root is None else batch.root[:, own]
        return replace(batch, pose=batch.pose[:, own], root=root)

    def lift(self, model, inputs: Inputs, batch: Batch) -> torch.Tensor:
        """A teacher's poses of the student's targets, (B, J, 3), or of all of its frames, (B, T, J, 3)."""
        own, window = self.part(model.frames), replace(self.student, frames=model.frames)
        size = inference_windows(model.frames, batch.keypoints.device.type)
        poses = torch.cat([
            inputs.lift(lambda given: model(given).float(), part.keypoints[:, own],
                        None if part.seen is None else part.seen[:, own], part.intrinsics, window.place)
            for part in batch.split(size)])
        if not model.every_frame:
            return poses
        if not self.whole:
            return poses[:, window.place]
        first = window.place - self.student.place
        return poses[:, first:first + self.student.frames]
