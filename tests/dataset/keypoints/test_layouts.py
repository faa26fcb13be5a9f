"""Detectors' joint layouts become Human3.6M's 17 joints by one table."""
import numpy as np
import pytest

from common.skeleton import HUMAN36M, LIMBS, TO_HUMAN36M, flip
from dataset.keypoints.layouts import (
    BLAZEPOSE33,
    BODY25,
    COCO17,
    LAYOUTS,
    complete_head,
    find_layout,
    needed_joints,
    to_human36m,
)

DETECTORS = [COCO17, BODY25, BLAZEPOSE33]
# A person seen from the front, pixels: the person's left is on the right of the image.
FRONT = {"nose": (100, 40), "left_ear": (110, 36), "right_ear": (90, 36), "left_shoulder": (130, 80),
         "right_shoulder": (70, 80), "left_hip": (116, 180), "right_hip": (84, 180)}


def person(layout):
    points = [FRONT.get(joint, (index, 300 + index)) for index, joint in enumerate(layout.joints)]
    return np.array(points, float)[None]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_one_tree_whose_sides_mirror(layout):
    assert layout.parents.count(-1) == 1 and layout.parents[layout.root] == -1
    assert len(layout.parents) == len(layout.joints) == len(set(layout.joints))
    for joint in range(len(layout.joints)):
        seen = set()
        while joint >= 0 and joint not in seen:
            seen.add(joint)
            joint = layout.parents[joint]
        assert joint == -1
    for child, parent in enumerate(layout.parents):
        if parent >= 0:
            twin, twin_parent = layout.mirror_order[child], layout.mirror_order[parent]
            assert layout.parents[twin] == twin_parent


@pytest.mark.parametrize("layout, joint, index", [
    (COCO17, "left_wrist", 9), (COCO17, "right_ankle", 16), (BODY25, "right_wrist", 4),
    (BODY25, "left_ankle", 14), (BODY25, "left_ear", 18), (BLAZEPOSE33, "left_ear", 7),
    (BLAZEPOSE33, "right_hip", 24), (BLAZEPOSE33, "right_ankle", 28)])
def test_joints_stand_where_the_detectors_documentation_puts_them(layout, joint, index):
    assert layout.joints[index] == joint


@pytest.mark.parametrize("layout", DETECTORS, ids=lambda layout: layout.name)
def test_pelvis_spine_thorax_nose_and_head_follow_the_stated_formulas(layout):
    joints, _ = to_human36m(person(layout), np.ones((1, len(layout.joints))), layout)
    by_name = dict(zip(HUMAN36M.joints, joints[0]))
    assert by_name["pelvis"] == pytest.approx((100, 180))
    assert by_name["spine"] == pytest.approx((100, 130))
    assert by_name["thorax"] == pytest.approx((100, 80 - 0.06 * 100))
    assert by_name["nose"] == pytest.approx((100, 0.6 * 40 + 0.4 * 36))
    assert by_name["head"] == pytest.approx((100, 36 - 0.4 * (80 - 36)))
    for joint in LIMBS:
        assert by_name[joint] == pytest.approx(person(layout)[0, layout.joints.index(joint)])


def test_the_table_gives_every_joint_weights_that_add_up_to_one():
    assert set(TO_HUMAN36M) == set(HUMAN36M.joints)
    for weights in TO_HUMAN36M.values():
        assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.parametrize("layout", DETECTORS, ids=lambda layout: layout.name)
def test_conversion_commutes_with_mirroring_and_moving(layout):
    keypoints = np.random.default_rng(0).normal(size=(5, len(layout.joints), 2))
    scores = np.ones(keypoints.shape[:2])
    converted, _ = to_human36m(keypoints, scores, layout)
    assert to_human36m(flip(keypoints, layout), scores, layout)[0] == pytest.approx(flip(converted, HUMAN36M))
    assert to_human36m(3 * keypoints + 7, scores, layout)[0] == pytest.approx(3 * converted + 7)


def test_a_derived_joint_has_the_lowest_score_of_its_sources():
    scores = np.full((1, 17), 0.9)
    scores[0, COCO17.joints.index("left_hip")] = 0.2
    _, converted = to_human36m(person(COCO17), scores, COCO17)
    low = {joint for joint, score in zip(HUMAN36M.joints, converted[0]) if score == 0.2}
    assert low == {"left_hip", "pelvis", "spine", "thorax"}


def test_human36m_passes_unchanged_and_as_a_copy():
    keypoints, scores = np.random.default_rng(1).normal(size=(4, 17, 2)), np.full((4, 17), 0.5)
    converted, converted_scores = to_human36m(keypoints, scores, HUMAN36M)
    assert (converted == keypoints).all() and (converted_scores == scores).all()
    converted[:] = 0
    assert keypoints.any()


def test_missing_eyes_feet_and_fingers_do_not_matter():
    for layout in DETECTORS:
        keypoints = person(layout)
        unneeded = sorted(set(range(len(layout.joints))) - set(needed_joints(layout)))
        keypoints[:, unneeded] = np.nan
        assert np.isfinite(to_human36m(keypoints, np.ones((1, len(layout.joints))), layout)[0]).all()
    assert len(needed_joints(COCO17)) == 15


def test_a_hidden_ear_is_put_at_the_other_one_in_that_frame_only():
    keypoints = np.repeat(person(COCO17), 2, axis=0)
    seen = np.ones((2, 17), bool)
    left, right = COCO17.joints.index("left_ear"), COCO17.joints.index("right_ear")
    seen[1, left] = False
    filled, known = complete_head(keypoints, seen, COCO17)
    assert known.all() and not seen.all()
    assert tuple(filled[0, left]) == FRONT["left_ear"] and (filled[1, left] == keypoints[1, right]).all()


def test_without_ears_the_nose_stands_in_and_without_a_head_nothing_does():
    head = [COCO17.joints.index(joint) for joint in ("nose", "left_ear", "right_ear")]
    seen = np.ones((1, 17), bool)
    seen[0, head[1:]] = False
    assert (complete_head(person(COCO17), seen, COCO17)[0][0, head] == FRONT["nose"]).all()
    seen[0, head[0]] = False
    assert not complete_head(person(COCO17), seen, COCO17)[1][0, head].any()


def test_the_number_of_joints_tells_the_layout_except_for_17_and_25():
    assert find_layout(33) == BLAZEPOSE33
    assert find_layout(17, "coco17") == COCO17 and find_layout(25, "body25") == BODY25
    with pytest.raises(ValueError, match="25 joints may be body25 or another detector's.*--layout"):
        find_layout(25)
    with pytest.raises(ValueError, match="human36m or coco17.*--layout"):
        find_layout(17)
    with pytest.raises(ValueError, match="No joint layout has 18 joints.*body25"):
        find_layout(18)
    with pytest.raises(ValueError, match="body25 has 25 joints, the keypoints have 17"):
        find_layout(17, "body25")
    with pytest.raises(ValueError, match="no joint layout 'coco'"):
        find_layout(17, "coco")


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="expects keypoints"):
        to_human36m(np.zeros((3, 25, 2)), np.zeros((3, 25)), COCO17)
