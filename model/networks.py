"""The networks by the name that --network and checkpoints give them."""
from model.baselines import SingleFrame
from model.ftcm import FTCM
from model.stcformer import STCFormer
from model.videopose3d import VideoPose3D

MODELS = {"ftcm": FTCM, "single_frame": SingleFrame, "stcformer": STCFormer, "videopose3d": VideoPose3D}
