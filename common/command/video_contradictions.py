"""Contradictions among the options of --predict: pairs of whether there is one and its sentence."""
import shutil

from common.command.option_values import EVERYBODY, LIVE
from common.lift import TRUE_HEIGHT


def video_checks(args) -> list[tuple]:
    """Own video: people, times, pictures, the body."""
    return [
        ("body_height" in args.given and not args.fit and not args.reload,
         "--body_height is the size of a fitted body; drop it or --fit 0"),
        (args.body_height == TRUE_HEIGHT and args.predict,
         "--body_height true needs a data set that holds the true poses; state metres"),
        ("roll" in args.given and args.level is None,
         "--roll tells how the camera is turned to its side; state how it looks down too, with --level"),
        (None not in (args.begin, args.end) and args.begin >= args.end,
         f"--from must come before --to, got {args.begin} and {args.end}"),
        (args.predict == LIVE and (args.level == "motion"
                                   or args.given & {"output", "person", "begin", "end", "smooth",
                                                    "bvh_names", "film", "pictures", "picture_fps"}),
         "--predict - and cameras answer on standard output while the motion goes on; drop --output, "
         "--person, --from, --to, --smooth, --bvh_names, --film, --pictures, --picture_fps and "
         "--level motion (--level DEGREES works)"),
        (args.film and (args.film[0] not in ("embed", "link") or len(args.film) > 2),
         f"--film needs embed or link and the film's file, got {' '.join(args.film or [])}"),
        (args.film and "html" not in args.pictures, "--film is shown in poses.html; add html to --pictures"),
        (args.view and args.predict != LIVE,
         "--view shows a stream while it comes, --predict -; a file's motion is played by poses.html; drop "
         "--view"),
    ]


def film_checks(args) -> list[tuple]:
    """Detectors, people and pictures."""
    own = args.detector in ("rtmpose", "ultralytics")
    strange = sorted(set(args.pictures or ["*"]) - {"html", "gif", "mp4"})
    return [
        (args.predict == LIVE and args.camera is None
         and args.given & {"detector", "detector_model", "person_model"},
         "--predict - reads keypoints; drop --detector, --detector_model and --person_model"),
        (own != bool(args.detector_model),
         "--detector rtmpose or ultralytics and --detector_model FILE belong together"),
        (args.person_model and args.detector != "rtmpose", "--person_model FILE needs --detector rtmpose"),
        (args.detector == "rtmpose" and args.person and not args.person_model,
         "--person chooses among the people whom --person_model FILE finds for --detector rtmpose; add it"),
        (args.person == EVERYBODY and "root" in args.given and args.root == "none",
         "--person all places everybody before the camera; drop --root none"),
        (strange, f"--pictures takes html, gif, mp4 or none, got {', '.join(strange)}"),
        ("picture_fps" in args.given and not {"gif", "mp4"} & set(args.pictures or []),
         "--picture_fps is the rate of gif and mp4; add one of them to --pictures"),
        (args.predict and "mp4" in (args.pictures or []) and shutil.which("ffmpeg") is None,
         "--pictures mp4 needs a program ffmpeg on the search path; install it, or choose gif or html"),
    ]
