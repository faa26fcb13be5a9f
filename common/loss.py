"""Training losses."""
import torch


def mpjpe_loss(predicted, pose):
    """Mean joint distance, a scalar in metres, of `predicted` and `pose` (.., J, 3); the root counts too."""
    return torch.linalg.norm(predicted - pose, dim=-1).mean()
