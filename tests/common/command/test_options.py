import pytest

from common.command import choices, contradictions, option_parser, options
from common.video.bvh import NAMINGS


@pytest.mark.parametrize("line, words", [
    ("--train 1 -f 28", "--frames must be odd so that the window has a centre frame, got 28"),
    ("--train 1 --train maybe", "expected 0, 1, true or false, got 'maybe'"),
    ("--train 1 --d_hid 100", "--d_hid must be a multiple of 8, got 100"),
    ("--train 1 --channel 128", "expected 256, got 128; set --d_hid 256 as well"),
    ("--train 1 --workers 8", "--workers must be 0, got 8"),
    ("--train 1 --n_joints 16", "all data sets have 17 joints"),
    ("--train 1 --subset 1.5", "--subset: expected a number above 0 and up to 1, got 1.5"),
    ("--train 1 --stride 0", "--stride: expected a number above 0 and up to 10000, got 0"),
    ("--train 1 --unknown 3", "--unknown"),
    ("--train 1 --dataset coco", "invalid choice: 'coco'"),
    ("--train 1 --reload 1", "add --previous_dir FILE"),
    ("--export_weights x.pth", "add --reload 1 --previous_dir FILE"),
    ("--train 0 -f 243", "FTCM's: ftcm_best.pth (-f 81), ftcm_fast.pth (-f 27), ftcm_live.pth (--target"),
    ("--train 0 --network videopose3d", "name another with --reload 1 --previous_dir FILE"),
    ("--train 1 --network mlp", "invalid choice: 'mlp'"),
    ("--train 1 --network temporal_conv", "temporal_conv is now videopose3d"),
    ("--train 1 --network videopose3d -f 25", "needs a power of 3 as --frames (3, 9, 27, ..) or --widths"),
    ("--train 1 --network videopose3d -f 27 --widths 3,5", "whose product is --frames, got 27"),
    ("--train 1 --network videopose3d --widths 3,4", "expected odd numbers from 3 on"),
    ("--train 1 --network stcformer --widths 3,3", "--network stcformer has no --widths; drop it"),
    ("--train 1 --network stcformer --target last", "--network stcformer has no --target; drop it"),
    ("--train 1 --network stcformer --norm_momentum 0.1", "--network stcformer has no --norm_momentum"),
    ("--train 1 --network stcformer --refine", "--refine works on one pose a window"),
    ("--train 1 --pretrain 1", "--network ftcm has no --pretrain; drop it"),
    ("--train 1 --network strided --pretrain 1", "--network strided has no --pretrain; drop it"),
    ("--network pstmo --pretrain 1", "--pretrain is for --train 1"),
    ("--train 1 --network pstmo -smn 2 -tmr 0.5", "--temporal_mask_rate is for --pretrain 1"),
    ("--train 1 --network pstmo --pretrain 1 -tmr 1", "expected a number from 0 to 0.99, got 1"),
    ("--train 1 --network pstmo --pretrain 1 -smn 17", "expected a number from 0 to 16, got 17"),
    ("--train 1 --network pstmo --pretrain 1 --refine", "scores no poses; drop --refine"),
    ("--train 1 --network pstmo --pretrain 1 --teacher x --bone_weight 1", "drop --bone_weight, --teacher"),
    ("--train 1 --network pstmo --pretrain 1 --stature 1", "drop --stature"),
    ("--train 1 --network pstmo --pretrain 1 --test 1", "scores no poses; drop --test 1"),
    ("--train 1 --network pstmo --pretrain 1 --target last", "--network pstmo --pretrain 1 has no --target"),
    ("--train 1 --network pstmo_pretraining", "invalid choice: 'pstmo_pretraining'"),
    ("--train 1 --network strided --every_frame 1", "--network strided has no --every_frame; drop it"),
    ("--train 1 --network pstmo --hop 3", "--network pstmo has no --hop; drop it"),
    ("--train 1 --dense 1", "--network ftcm has no --dense; drop it"),
    ("--train 1 --network single_frame --recipe published", "no published recipe here; drop --recipe"),
    ("--train 1 --recipe published --reload 1 --previous_dir x", "add --network beside --reload 1"),
    ("--recipe published", "--recipe is for --train 1"), ("--norm_momentum 0.1", "is for --train 1"),
    ("--train 1 --keep_root 1 --refine", "drop --refine"), ("--keep_root 1 --dataset 3dhp", "--dataset 3dhp"),
    ("--predict x --keep_root 1", "drop --keep_root"),
    ("--train 1 --network videopose3d --layers 2", "--network videopose3d has no --layers; drop it"),
    ("--train 1 --velocity_weight 1", "--velocity_weight compares a window's poses from frame to frame"),
    ("--train 1 --every_frame 1 --velocity_weight -1", "--velocity_weight: expected a number from 0 to 1000"),
    ("--velocity_weight 1", "--velocity_weight is for --train 1"),
    ("--train 1 --network videopose3d --every_frame 1", "videopose3d has no --every_frame; drop it"),
    ("--train 1 --network single_frame -f 9", "--network single_frame has no --frames; drop it"),
    ("--train 1 --network single_frame --units fpm", "--network single_frame has no --units; drop it"),
    ("--train 0 --reload 0 --previous_dir x.pth", "names a checkpoint that is not loaded; add --reload 1"),
    ("--predict x --train 1", "different tasks; choose one"),
    ("--limits", "--limits"), ("--comparison", "--comparison"), ("--publish demo", "--publish"),
    ("--train 0 --test 0", "leaves nothing to do"),
    ("--resume", "add --train 1"),
    ("--predict x --level up", "expected none, motion or degrees between -90 and 90, got 'up'"),
    ("--predict x --level 90", "degrees between -90 and 90, got '90'"),
    ("--predict x --level nan", "degrees between -90 and 90, got 'nan'"),
    ("--train 1 --level 5", "--level is for --predict FILE"),
    ("--train 1 --from 1", "--from is for --predict FILE"),
    ("--predict x --from 2 --to 2", "--from must come"),
    ("--predict x --to -1", "--to"), ("--predict - --to 2", "--to"),
    ("--train 1 --smooth 0.1", "drop --train 1"), ("--train 0 --smooth 0.1 --test_stride 2", "--test_stride"),
    ("--predict x --smooth 1.5", "up to 1 second"), ("--predict x --smooth 0", "got 0"),
    ("--predict - --output o", "drop --output"), ("--predict - --level motion", "--level DEGREES works"),
    ("--predict - --smooth 0.1", "--smooth"),
    ("--predict x --view", "a file's motion is played by poses.html; drop --view"),
    ("--train 1 --view", "--view is for --predict FILE"),
    ("--train 1 --film link a", "--film is for --predict FILE"),
    ("--predict x --film inside a.mp4", "--film needs embed or link and the film's file, got inside a.mp4"),
    ("--predict x --film link a b", "embed or link and the film"),
    ("--predict - --film link a.mp4", "drop --output"),
    ("--predict - --bvh_names joints", "--bvh_names"), ("--predict x --bvh_names a", "invalid choice: 'a'"),
    ("--predict x --body_height 1.75 --fit 0", "drop it or --fit 0"), ("--train 1 --fit 0", "--predict FILE"),
    ("--predict x --body_height 175", "--body_height: expected a number from 0.5 to 2.5, got 175"),
    ("--predict x --body_height nan", "from 0.5 to 2.5, got nan"), ("--predict x --roll 5", "with --level"),
    ("--predict x --level 5 --roll 200", "--roll: expected a number from -180 to 180, got 200"),
    ("--train 1 --mask 1", "--mask 1 learns from joints that are hidden in training; add missing to"),
    ("--train 1 --mask 1 --augment camera,detector", "add missing to --augment"),
    ("--train 1 --dataset 3dhp --input rays", "--input rays needs the cameras' intrinsics, which the 3dhp"),
    ("--train 1 --dataset 3dhp --input virtual", "--input virtual needs the cameras' intrinsics"),
    ("--train 1 --input pixels", "invalid choice: 'pixels'"),
    ("--reprojection_weight 1", "--reprojection_weight is for --train 1"),
    ("--train 1 --reprojection_weight nan", "--reprojection_weight: expected a number from 0 to 1000"),
    ("--train 1 --augment ,", "--augment"), ("--train 1 --augment *", "--augment takes names of camera"),
    ("--train 1 --augment camera,hats", "--augment takes names of camera, body"),
    ("--train 1 --augment camera --dataset 3dhp", "--augment"), ("--train 1 --val_subjects ,", "','"),
    ("--train 1 --val_subjects all", "--val_subjects"), ("--train 1 -a ,", "','"),
    ("--gpu 0,1", "--gpu: expected the number of one device, got '0,1'; for several start the program with "
                  "torchrun"),
    ("--train 1 --out_all 1", "--every_frame 1"), ("--train 1 --every_frame 1 --hop 300", "1 to 243"),
    ("--train 1 --hop 3", "--every_frame 1"), ("--train 1 --layers 101", "0 to 100, got 101"),
    ("--train 1 --depth 3", "--depth"), ("--predict x --dim 8 --downsample 2", "--dim"),
    ("--predict x --downsample 2 -k gt", "drop --downsample, --keypoints"),
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


def test_the_names_of_a_bvhs_bones_are_those_that_it_knows():
    action = next(action for action in options.build_parser()._actions if action.dest == "bvh_names")
    assert action.choices == NAMINGS and action.default == NAMINGS[0]


def test_every_option_has_help():
    for action in options.build_parser()._actions:
        assert action.help, action.option_strings


@pytest.mark.parametrize("line, name", [
    ("", "best"), ("-f 81", "best"), ("-f 27", "fast"), ("--predict keypoints.npz", "best"),
    ("--predict keypoints.npz -f 27", "fast"), ("--predict -", "live"), ("--predict - -f 27", "fast"),
    ("--predict - --target center", "best"), ("--predict - --hop 3", "best"), ("--predict 0", "live"),
    ("--target last", "live"), ("--predict - --target last -f 27", "live")])
def test_without_a_named_checkpoint_one_that_ships_is_used(line, name):
    args = options.parse(line.split())
    assert args.shipped and args.reload
    assert args.previous_dir == options.PROJECT / "checkpoint" / f"ftcm_{name}.pth"


def test_a_named_checkpoint_wins_over_the_shipped_one():
    args = options.parse("--reload 1 --previous_dir x.pth".split())
    assert not args.shipped and str(args.previous_dir) == "x.pth"


@pytest.mark.parametrize("network, expected", [("single_frame", (1, 1024, 2, 0.5)),
                                               ("stcformer", (27, 256, 6, 0.1)),
                                               ("strided", (351, 256, 3, 0.1)), ("pstmo", (243, 256, 3, 0.1)),
                                               ("videopose3d", (243, 1024, 6, 0.25))])
def test_a_network_has_its_published_defaults(network, expected):
    args = options.parse(["--train", "1", "--network", network])
    assert (args.frames, args.dim, args.depth, args.dropout) == expected
    assert options.parse(["--train", "1", "--network", network, "--dropout", "0.1"]).dropout == 0.1


@pytest.mark.parametrize("line, expected", [
    ("", (2, 243, 7e-4, 0.97, 160, 0.8, 2)), ("--layers 4", (2, 243, 1e-3, 0.97, 160, 0.8, 2)),
    ("-k gt", (2, 243, 1e-3, 0.97, 160, 0.8, 2)), ("--dataset 3dhp", (1, 81, 7e-4, 0.97, 160, 0.8, 2)),
    ("--pretrain 1", (2, 243, 1e-4, 0.97, 160, 0.8, 2)),
    ("--pretrain 1 --layers 4", (2, 243, 1e-4, 0.97, 160, 0.6, 3)),
    ("--pretrain 1 -k gt", (2, 243, 1e-4, 0.97, 160, 0.8, 7)),
    ("--pretrain 1 --dataset 3dhp", (1, 81, 1e-4, 0.97, 160, 0.7, 2)),
    ("--pretrain 1 -smn 5 --lr 1", (2, 243, 1, 0.97, 160, 0.8, 5))])
def test_pstmos_published_recipe_depends_on_size_and_keypoints(line, expected):
    args = options.parse(["--train", "1", "--network", "pstmo", "--recipe", "published", *line.split()])
    assert (args.tds, args.frames, args.lr, args.lr_decay, args.batch_size, args.masked_frames,
            args.masked_joints) == expected
    assert args.epochs == 79 and args.test is ("--pretrain" not in line)


def test_strided_transformers_published_recipe_halves_the_rate_every_fifth_epoch():
    args = options.parse("--train 1 --network strided --recipe published".split())
    rates = [choices.schedule_of(args).factor(epoch) for epoch in range(1, 8)]
    assert (args.batch_size, args.epochs, args.lr) == (256, 20, 1e-3)
    assert rates == pytest.approx([1, 0.95, 0.95 ** 2, 0.95 ** 3, 0.95 ** 4, 0.95 ** 4 / 2, 0.95 ** 5 / 2])


@pytest.mark.parametrize("word, meant", [
    ("-lr", "--lr?"), ("-l", ""), ("-t", ""), ("--lay", "--layers or --layout?"), ("--predic", "--predict?"),
    ("-kgt", "-k gt?"), ("--nepochs", "--nepoch?"), ("-lrd0.9", "-lrd"), ("-f3x", "-f 3x?")])
@pytest.mark.parametrize("form", ["{} 1e-4", "{}=1e-4"])
def test_no_beginning_of_an_option_stands_for_it(word, meant, form, capsys):
    with pytest.raises(SystemExit) as stop:
        options.parse(["--train", "1", *form.format(word).split()])
    message = capsys.readouterr().err
    assert stop.value.code == 2 and message.count("\n") == 1
    assert f"unrecognized option {word};" in message and meant in message


@pytest.mark.parametrize("line", ["-f243 -s5 -b16", "-f=243 -s=5 -b=16", "--f 243 -s 5 --batchSize=16"])
def test_one_letter_options_may_hold_their_number(line):
    args = options.parse(["--train", "1", *line.split()])
    assert (args.frames, args.stride, args.batch_size) == (243, 5, 16)


@pytest.mark.parametrize("option", option_parser.RELEASE_ONLY)
def test_an_option_of_the_release_that_is_not_supported_says_so(option, capsys):
    words = [[option, "2"], [f"{option}=2"], [option]] + ([[option + "2"]] if option[1] != "-" else [])
    for given in words:
        with pytest.raises(SystemExit) as stop:
            options.parse(["--train", "1", *given])
        message = capsys.readouterr().err
        assert stop.value.code == 2 and message.count("\n") == 1
        assert f"error: {option} " in message and "drop it" in message


def test_the_releases_out_all_has_no_effect_and_all_means_all():
    args = options.parse("--train 1 --out_all 0 -a All --cameras all".split())
    assert (args.every_frame, args.actions, args.cameras) == (False, None, None)
    assert options.parse("--train 1 --every_frame 1".split()).every_frame


NUMBERS = [action.option_strings[-1] for action in options.build_parser()._actions
           if getattr(action.type, "__name__", "") in ("int", "float", "parse_gpu")]


@pytest.mark.parametrize("option", NUMBERS)
def test_every_number_is_finite_and_within_a_range(option, capsys):
    for_predict = [*contradictions.ONLY_FOR_PREDICT, "smooth"]
    task = ["--predict", "x"] if option[2:] in for_predict else ["--train", "1"]
    for value in ("inf", "-inf", "nan", "1e400", "-1", "10000000000000", "1,2", "x"):
        with pytest.raises(SystemExit) as stop:
            options.parse([*task, f"{option}={value}"])
        message = capsys.readouterr().err
        assert stop.value.code == 2 and message.count("\n") == 1 and option in message, value


def test_numbers_are_not_all_refused():
    assert len(NUMBERS) > 25
    args = options.parse("--train 1 --dropout 0 --layers 0 --every_frame 1 --velocity_weight 0.5".split())
    assert (args.dropout, args.depth, args.velocity_weight) == (0, 0, 0.5)


def test_options_are_spelt_as_on_the_command_line():
    assert option_parser.spelt(["depth", "tds", "frames"]) == "--frames, --layers, --t_downsample"


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
