"""The networks by the name that --network and checkpoints give them."""
from model.baselines import SingleFrame
from model.ftcm import FTCM
from model.pstmo import PSTMO, PSTMOPretraining
from model.stcformer import STCFormer
from model.strided import StridedTransformer
from model.videopose3d import VideoPose3D

MODELS = {"ftcm": FTCM, "single_frame": SingleFrame, "stcformer": STCFormer, "videopose3d": VideoPose3D,
          "strided": StridedTransformer, "pstmo": PSTMO, "pstmo_pretraining": PSTMOPretraining}
