"""An example for a notebook: lifts the sample keypoints. Start it anywhere; it prints and writes nothing."""
import sys
from pathlib import Path

import numpy as np

FTCM = Path(__file__).resolve().parents[1]              # in a notebook: the folder with ftcm.py, in quotes
sys.path.append(str(FTCM))
from ftcm import JOINTS, lift_keypoints  # noqa: E402

sample = np.load(FTCM / "dataset" / "baseball_coco17.npz")
keypoints = np.dstack([sample["keypoints"], sample["scores"]])      # (277, 17, 3) x, y in pixels and a score
poses = lift_keypoints(keypoints, width=1920, height=1080, fps=30, layout="coco17")     # (277, 17, 3) metres

left_wrist = poses[:, JOINTS.index("left_wrist")]       # from the pelvis: x right, y down, z forward
