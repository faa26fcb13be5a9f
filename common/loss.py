"""Training losses."""
import torch


def mpjpe_loss(predicted, pose):
    """Mean joint distance, a scalar in metres, of `predicted` and `pose` (.., J, 3); the root counts too."""
    return torch.linalg.norm(predicted - pose, dim=-1).mean()


def velocity_loss(predicted, pose):
    """Mean distance of the joints' steps from frame to frame, a scalar in metres a step: the MPJVE.

    `predicted` and `pose` (B, T, J, 3), T frames.
    """
    return mpjpe_loss(predicted.diff(dim=1), pose.diff(dim=1))
