import pytest

from common import options


@pytest.mark.parametrize("line, words", [
    ("--train 1 -f 28", "--frames must be odd so that the window has a centre frame, got 28"),
    ("--train 1 --train maybe", "expected 0, 1, true or false, got 'maybe'"),
    ("--train 1 --d_hid 100", "--d_hid must be a multiple of 8, got 100"),
    ("--train 1 --channel 128", "expected 256, got 128; set --d_hid 256 as well"),
    ("--train 1 --workers 8", "--workers must be 0, got 8"),
    ("--train 1 --n_joints 16", "all data sets have 17 joints"),
    ("--train 1 --subset 1.5", "--subset is a share between 0 and 1"),
    ("--train 1 --stride 0", "expected a number above 0, got 0"),
    ("--train 1 --unknown 3", "unrecognized arguments: --unknown 3"),
    ("--train 1 --dataset coco", "invalid choice: 'coco'"),
    ("--train 1 --reload 1", "add --previous_dir FILE"),
    ("--export_weights x.pth", "add --reload 1 --previous_dir FILE"),
    ("--train 0 -f 243", "of FTCM with 27 and 81 frames (ftcm_27.pth, ftcm_81.pth); choose one with -f"),
    ("--train 0 --network temporal_conv", "name another with --reload 1 --previous_dir FILE"),
    ("--train 1 --network mlp", "invalid choice: 'mlp'"),
    ("--train 1 --network temporal_conv -f 25", "needs a power of 3 as --frames (3, 9, 27, ..), got 25"),
    ("--train 1 --network temporal_conv --layers 2", "--network temporal_conv has no --layers; drop it"),
    ("--train 1 --velocity_weight 1", "--velocity_weight compares a window's poses from frame to frame"),
    ("--train 1 --out_all 1 --velocity_weight -1", "--velocity_weight must be 0 or more, got -1"),
    ("--velocity_weight 1", "velocity_weight is for --train 1"),
    ("--train 1 --network temporal_conv --out_all 1", "--network temporal_conv has no --out_all; drop it"),
    ("--train 1 --network single_frame -f 9", "--network single_frame has no --frames; drop it"),
    ("--train 1 --network single_frame --units fpm", "--network single_frame has no --units; drop it"),
    ("--train 0 --previous_dir x.pth", "names a checkpoint that is not loaded; add --reload 1"),
    ("--limits -k detected", "adds errors of its own to the exact keypoints"),
    ("--limits --train 1", "different tasks; choose one"),
    ("--train 0 --test 0", "leaves nothing to do"),
    ("--resume", "add --train 1"),
    ("--predict x --level up", "expected none, motion or degrees between -90 and 90, got 'up'"),
    ("--predict x --level 90", "degrees between -90 and 90, got '90'"),
    ("--predict x --level nan", "degrees between -90 and 90, got 'nan'"),
    ("--train 1 --level 5", "level are for --predict FILE"),
    ("--train 1 --smooth 0.1", "drop --train 1"), ("--train 0 --smooth 0.1 --test_stride 2", "--test_stride"),
    ("--predict x --smooth 1.5", "up to 1 second"), ("--predict x --smooth 0", "above 0, got 0"),
    ("--predict - --output o", "drop --output"), ("--predict - --level motion", "--level DEGREES works"),
    ("--predict - --smooth 0.1", "--smooth"),
])
def test_bad_values_end_with_one_sentence_and_status_2(line, words, capsys):
    with pytest.raises(SystemExit) as stop:
        options.parse(line.split())
    message = capsys.readouterr().err
    assert stop.value.code == 2
    assert words in message and message.count("\n") == 1


def test_defaults_are_the_published_recipe():
    args = options.parse(["--train", "1"])
    assert (args.frames, args.depth, args.dim, args.epochs, args.batch_size, args.lr, args.lr_decay,
            args.seed, args.tds,
            args.dataset, args.keypoints, args.flip, args.reverse, args.flip_test, args.stride) == (
        243, 6, 512, 80, 160, 1e-3, 0.95, 1, 1, "h36m", "cpn_ft_h36m_dbb", True, False, True, 1)


@pytest.mark.parametrize("line", ["-f 27", "--f 27", "--frames 27"])
def test_published_spellings_of_frames(line):
    args = options.parse(["--train", "1", *line.split()])
    assert args.frames == 27 and args.given == {"train", "frames"}


def test_false_means_false_and_lists_keep_whole_names():
    args = options.parse("--train 1 --test_augmentation False -a Walking,Eating -tds 3".split())
    assert args.flip_test is False and args.actions == ["Walking", "Eating"] and args.tds == 3
    assert options.parse(["--train", "1"]).actions is None


def test_the_bundled_data_set_has_its_own_default_keypoints():
    assert options.parse("--train 1 --dataset cmu".split()).keypoints == "gt"


@pytest.mark.parametrize("text, value", [("none", None), ("motion", "motion"), ("-12.5", -12.5), ("0", 0.0)])
def test_a_level_is_nothing_the_motion_or_degrees(text, value):
    assert options.parse(f"--predict x --reload 1 --previous_dir y --level={text}".split()).level == value


def test_every_option_has_help():
    for action in options.build_parser()._actions:
        assert action.help, action.option_strings


@pytest.mark.parametrize("line, name", [
    ("", "ftcm_27.pth"), ("-f 81", "ftcm_81.pth"), ("-f 27", "ftcm_27.pth"),
    ("--predict keypoints.npz -f 27", "ftcm_27.pth")])
def test_without_a_named_checkpoint_the_shipped_one_is_used(line, name):
    args = options.parse(line.split())
    assert args.shipped and args.reload and args.previous_dir == options.PROJECT / "checkpoint" / name


def test_a_named_checkpoint_wins_over_the_shipped_one():
    args = options.parse("--reload 1 --previous_dir x.pth".split())
    assert not args.shipped and str(args.previous_dir) == "x.pth"


@pytest.mark.parametrize("network, expected", [("single_frame", (1, 1024, 2, 0.5)),
                                               ("temporal_conv", (27, 728, 6, 0.25))])
def test_a_baseline_has_its_published_defaults(network, expected):
    args = options.parse(["--train", "1", "--network", network])
    assert (args.frames, args.dim, args.depth, args.dropout) == expected
    assert options.parse(["--train", "1", "--network", network, "--dropout", "0.1"]).dropout == 0.1


@pytest.mark.parametrize("option, good, bad", [
    ("--fps", ["1", "29.97", "1000"], ["0", "1e-4", "1001", "nan", "inf"]),
    ("--width", ["16", "65536"], ["15", "65537", "99999999999999999", "1e3"]),
    ("--height", ["16", "65536"], ["15", "-5"]),
    ("--fov", ["5", "170"], ["0", "179.9999999", "nan"])])
def test_a_video_has_a_plausible_rate_size_and_field_of_view(option, good, bad, capsys):
    rest = ["--predict", "x.npz", "--root", "estimate"]
    for value in good:
        assert getattr(options.parse([*rest, option, value]), option[2:]) == float(value)
    for value in bad:
        with pytest.raises(SystemExit) as caught:
            options.parse([*rest, option, value])
        error = capsys.readouterr().err
        assert caught.value.code == 2 and option in error and error.count("\n") == 1
