"""Seeds as one line: means, and paired differences of the means over the seeds that two lines share."""
import pytest

from experiments import seeds
from tests.experiments.test_compare import FIRST, SECOND, scores


def with_steps(errors):
    """An evaluation with these MPJPEs; a clip's velocity error is a tenth of it, over a frame fewer."""
    report = scores(errors)
    for clip in report["by_clip"]:
        clip |= {"steps": clip["frames"] - 1, "mpjve": clip["mpjpe"] / 10}
    return report


def shifted(errors, millimetres):
    return with_steps({name: value + millimetres for name, value in errors.items()})


def figures(seed, mpjpe):
    return {"label": f"seed {seed}", "mpjpe": mpjpe, "p_mpjpe": mpjpe / 2, "n_mpjpe": mpjpe, "mpjve": None,
            "parameters": 5, "training_minutes": 3.0 * seed, "training_cpu_minutes": 2.0 * seed,
            "hardware": "a computer", "commit": "abc"}


def test_seeds_become_one_line_of_means_and_deviations():
    line = seeds.join_seeds("FTCM", [figures(1, 60), figures(2, 62), figures(3, 64)])
    assert (line["mpjpe"], line["deviation"]["mpjpe"], line["training_cpu_minutes"]) == (62, 2, 4)
    assert [seeds.error_cell(line, metric) for metric in ("mpjpe", "p_mpjpe", "mpjve")] == [
        "62.00 ± 2.00", "31.00 ± 1.00", "-"]
    assert seeds.label_cell(line) == "FTCM (3 seeds)"


def test_one_seed_has_no_deviation():
    assert seeds.error_cell(seeds.join_seeds("FTCM", [figures(1, 60)]), "mpjpe") == "60.00"


def test_a_difference_is_that_of_the_means_over_the_seeds_of_both():
    reference = {1: shifted(FIRST, -6), 2: shifted(FIRST, 0), 3: shifted(FIRST, 100)}
    line = {1: shifted(SECOND, 2), 2: shifted(SECOND, 0)}
    found = seeds.difference_of(line, reference)
    # Of single seeds +4 (+3 to +7), derived in test_compare.py; the means differ by 1 + 3 mm more.
    assert found["seeds"] == [1, 2]
    assert found["mpjpe"]["difference"] == pytest.approx(4 + 4)
    assert found["mpjpe"]["interval"] == pytest.approx([3 + 4, 7 + 4])


def test_velocities_are_averaged_over_steps():
    found = seeds.difference_of({1: with_steps(SECOND)}, {1: with_steps(FIRST)})
    walk = (9 * 0.4 - 29 * 0.4) / 38                                # 10 and 30 frames
    assert found["mpjve"]["difference"] == pytest.approx((walk + 1.0) / 2)


def test_without_consecutive_frames_there_is_no_difference_of_velocities():
    reports = with_steps(FIRST), with_steps(SECOND)
    for report in reports:
        for clip in report["by_clip"]:
            clip |= {"steps": 0, "mpjve": None}
    found = seeds.difference_of({1: reports[1]}, {1: reports[0]})
    assert "mpjve" not in found and seeds.difference_cell({"difference": found}, "mpjve") == ""
    assert seeds.difference_cell({"difference": found}, "mpjpe") == "+4.00 (+3.00 to +7.00)"


def test_lines_without_a_common_seed_have_no_difference():
    assert seeds.difference_of({1: with_steps(FIRST)}, {2: with_steps(FIRST)}) is None


def test_seeds_of_other_clips_are_refused():
    other = with_steps({"w1/a": 1.0})
    with pytest.raises(ValueError, match="not of the same frames"):
        seeds.difference_of({1: other}, {1: with_steps(FIRST)})
    with pytest.raises(ValueError, match="not of the same frames"):
        seeds.average_clips([with_steps(FIRST), other])


@pytest.mark.parametrize("value, interval, words", [
    (1.7, [0.4, 3.0], "Removing it costs 1.70 mm of MPJPE (+0.40 to +3.00)."),
    (-1.7, [-3.0, -0.4], "Removing it saves 1.70 mm of MPJPE (-3.00 to -0.40)."),
    (1.7, [-0.4, 3.0], "Removing it: MPJPE +1.70 mm (-0.40 to +3.00), which may be no difference.")])
def test_a_sentence_says_no_more_than_the_interval(value, interval, words):
    assert seeds.describe_change("Removing it", {"mpjpe": {"difference": value,
                                                           "interval": interval}}) == words
