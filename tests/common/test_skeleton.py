import numpy as np
import pytest
import torch

from common.skeleton import HUMAN36M, MPI_INF_3DHP, SKELETONS, flip


def test_left_and_right_are_those_of_the_data_sets():
    assert HUMAN36M.indices("left_") == [4, 5, 6, 11, 12, 13]
    assert HUMAN36M.indices("right_") == [1, 2, 3, 14, 15, 16]
    assert MPI_INF_3DHP.indices("right_") == [2, 3, 4, 8, 9, 10]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_joint_reaches_the_root_and_bones_mirror_to_bones(skeleton):
    for joint in range(17):
        for _ in range(17):
            joint = skeleton.parents[joint] if joint != skeleton.root else joint
        assert joint == skeleton.root
    mirrored = {(skeleton.mirror_order[a], skeleton.mirror_order[b]) for a, b in skeleton.bones}
    assert mirrored == set(skeleton.bones)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_flip_swaps_sides_negates_x_and_leaves_its_input(kind):
    joints = kind(np.arange(51.0).reshape(1, 17, 3))
    before = joints.tolist()
    mirrored = flip(joints, HUMAN36M)
    assert mirrored[0, 4].tolist() == [-3, 4, 5]
    assert mirrored[0, 0].tolist() == [0, 1, 2]
    assert joints.tolist() == before
    assert flip(mirrored, HUMAN36M).tolist() == before
