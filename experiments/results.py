"""The README's results: each block between its markers is made from the JSON file of its name.

`<!-- results:NAME -->` .. `<!-- /results:NAME -->` holds what `render` makes of checkpoint/results/NAME.json.
"""
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

from common import score_table, scores
from experiments import augmentation, benchmark_report, comparison, limits, table_text
from common.files import write_whole

BLOCK = re.compile(r"<!-- results:(?P<name>\w+) -->\n(?P<text>.*?)<!-- /results:(?P=name) -->", re.S)
FOLDER = "checkpoint/results"       # as linked from the README
PER_PROCESSOR = "benchmark"         # its results are a folder with a file for each processor
SMOOTHING = (0, 0.02, 0.04, 0.08, 0.15)     # seconds


def measure_shipped(shipped: dict[int, Path], work: Path,
                    execute: Callable[[list[str]], str | None]) -> list[str]:
    """Evaluate the checkpoints that ship on the bundled data, both keypoint sources; measure their limits.

    The commands' files go to folders in `work`; the commands publish what the README shows of them. `execute`
    runs a command of run_ftcm.py and returns None, or a sentence on what was wrong; these are returned.
    """
    sentences = []
    for frames, path in shipped.items():
        if not path.is_file():
            sentences.append(f"{path.name} is not there: not evaluated.")
            continue
        jobs = {f"{path.stem}_{keypoints}": f"--train 0 -f {frames} --dataset cmu -k {keypoints}"
                for keypoints in ("gt", "detected")}
        jobs[f"limits_{path.stem}"] = f"--limits -f {frames}"
        for name, line in jobs.items():
            print(f"\n{name}: {line}")
            reason = execute([*line.split(), "--publish", name, "--output", str(work / name)])
            sentences += [f"{name}: {reason}"] if reason else []
    return sentences


def measure_smoothing(frames: int, work: Path, results: Path,
                      execute: Callable[[list[str]], str | None]) -> list[str]:
    """smoothing.json in `results`: errors of the network that ships with so many frames, along SMOOTHING."""
    rows = []
    for seconds in SMOOTHING:
        words = f"--train 0 -f {frames} --dataset cmu -k detected --cameras 0".split()
        words += ["--smooth", str(seconds)] if seconds else []
        folder = work / f"smoothing_{seconds}"
        reason = execute([*words, "--output", str(folder)])
        if reason:
            return [f"smoothing: {reason}"]
        data = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        rows.append({"--smooth, seconds": seconds or "off", **{
            scores.COLUMNS[key]: data["average"][key] for key in scores.COLUMNS}})
    facts = {key: data[key] for key in ("command", "hardware", "commit", "seed")}
    write_whole(results / "smoothing.json", json.dumps({"rows": rows, **facts}, indent=1) + "\n")
    return []


def publish(name: str, written: list[Path], project: Path) -> list[str]:
    """Copy the files `written` to checkpoint/results/ as `name` and renew the README; sentences on both."""
    results = project / FOLDER
    names = [f"{name}/{path.name}" if name == PER_PROCESSOR else f"{name}{path.suffix}" for path in written]
    for path, own in zip(written, names):
        (results / own).parent.mkdir(parents=True, exist_ok=True)
        write_whole(results / own, path.read_bytes())
    sentences = refresh(project / "README.md", results)
    return [f"Published: {', '.join(f'{FOLDER}/{own}' for own in names)}",
            *[sentence for sentence in sentences if sentence.startswith(f"{name}: ")]]


def refresh(readme: Path, results: Path) -> list[str]:
    """Rewrite the blocks of `readme` from the JSON files in `results`; a sentence on each block."""
    sentences = []

    def replace(match):
        name = match["name"]
        text, reason = block(name, results)
        sentences.append(f"{name}: left as it is, {reason}" if reason else
                         f"{name}: {'unchanged' if text == match['text'] else 'rewritten'}")
        return match[0] if reason else f"<!-- results:{name} -->\n{text}<!-- /results:{name} -->"

    text = BLOCK.sub(replace, readme.read_text(encoding="utf-8"))
    write_whole(readme, text)
    return sentences


def block(name: str, results: Path) -> tuple[str, str | None]:
    """A block's text and None, or why there is none: no such JSON file, or nobody knows how to show it."""
    if name == PER_PROCESSOR:
        return benchmark_report.block(results / name, f"{FOLDER}/{name}")
    path = results / f"{name}.json"
    if not path.is_file():
        return "", f"there is no {path.name}"
    data = json.loads(path.read_text(encoding="utf-8"))
    render = renderer(name, data)
    if render is None:
        return "", f"{path.name} has no rows to show"
    return f"{render(name, data)}- From [{name}.json]({FOLDER}/{name}.json), which the program wrote.\n", None


def renderer(name: str, data: dict) -> Callable[[str, dict], str] | None:
    """What shows the results `name`; None where their form is unknown."""
    known = {"demo": demo, "ablation": many, "results": many, "comparison": compared,
             "augmentation": augmented}
    starts = {"limits": measured_limits, "ftcm": report}
    if name in known:
        return known[name]
    if name.split("_")[0] in starts:
        return starts[name.split("_")[0]]
    rows = data.get("rows")
    return plain_table if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None


def demo(name: str, data: dict) -> str:
    """The demo's own sentence, then its report."""
    text = "The table of the demo's training, on the bundled motions."
    if data["training_epochs"] < data["planned_epochs"]:
        text += (" The time limit ended this run before its last epoch. A machine that\nfinishes more of the "
                 f"{data['planned_epochs']} epochs gets lower errors.")
    return f"{text}\n\n{report(name, data)}"


def report(_, data: dict) -> str:
    """The scores.json of an evaluation: table, what the numbers are, where they come from."""
    for part in (data, data.get("mean_pose", {"rows": [], "average": {}, "all_frames": {}})):
        for row in (*part["rows"], part["average"], part["all_frames"]):
            row |= {key: math.nan for key in scores.COLUMNS if row.get(key) is None}
    others = {"Mean pose": data["mean_pose"]} if "mean_pose" in data else {}
    legend = score_table.LEGEND + (f" {score_table.MEAN_POSE_LEGEND}" if others else "")
    lines = ["```", score_table.table(data, others), "```", "", legend, "",
             *[f"- {note}" for note in score_table.details(data) + data["notes"]],
             f"- Command: `{data['command']}`",
             f"- Evaluated on {data['hardware']}; PyTorch {data['torch']}; seed {data['seed']}; "
             f"{data['evaluation_seconds']:.0f} s; commit {data['commit']}."]
    return "\n".join(lines) + "\n"


def many(name: str, data: dict) -> str:
    """The rows of --ablation or --tables."""
    first = data["rows"][0] if data["rows"] else None
    option = "--tables" if name == "results" else f"--{name}"
    source = [f"- Command: `python run_ftcm.py {option}`; {first['hardware']}; seed {first['seed']}; commit "
              f"{first['commit']}."] if first else []
    table = table_text.markdown(data["rows"], data["missing"], published=name == "results")
    return "\n".join([table, *source, ""])


def compared(_, data: dict) -> str:
    """The rows of --comparison."""
    first = data["rows"][0] if data["rows"] else None
    source = [f"- Trained with `{data['training']}` and the options of experiments/comparison.py, scored "
              f"with `{data['evaluation']}`."]
    if first:
        source.append(f"- Command: `{data['command']}`; {first['hardware']}; commit {first['commit']}.")
    return "\n".join([comparison.markdown(data["rows"], data["missing"]), *source, ""])


def augmented(_, data: dict) -> str:
    """The rows of --augmentation."""
    first = data["rows"][0] if data["rows"] else None
    source = [f"- Trained with `{data['training']}` and the options of experiments/augmentation.py, scored "
              f"with `{data['evaluation']}`."]
    if first:
        source.append(f"- Command: `{data['command']}`; {first['hardware']}; seed {first['seed']}; commit "
                      f"{first['commit']}.")
    return "\n".join([augmentation.markdown(data["rows"], data["missing"]), *source, ""])


def measured_limits(name: str, data: dict) -> str:
    """The charts of --limits with their source."""
    size = f"{data['network']}, {data['frames']} frames, {data['checkpoint']}"
    spans = [f"- {title}, {data[key][0]['value']:.4g} to {data[key][-1]['value']:.4g}: MPJPE "
             f"{span(data[key], 'mpjpe')}, P-MPJPE {span(data[key], 'p_mpjpe')} mm.\n"
             for key, title in limits.AXES.items()]
    return (f"![Errors against noise, missing joints, cameras, frame rate: {size}]({FOLDER}/{name}.png)\n\n"
            f"{''.join(spans)}"
            f"- {size}, {data['dataset']} test subjects. {data['thinning']}\n"
            "- The camera of the last row keeps its distance and glides with the person; pitch is measured "
            "at 4 m, distance at 10 degrees.\n"
            f"- Command: `{data['command']}`; {data['hardware']}; seed {data['seed']}; "
            f"{data['minutes']:.1f} min; commit {data['commit']}.\n")


def span(rows: list[dict], key: str) -> str:
    """The lowest and the highest value of a column."""
    values = [row[key] for row in rows]
    return f"{min(values):.1f} to {max(values):.1f}"


def plain_table(_, data: dict) -> str:
    """Rows of equal keys as they are; then what is known of the machine."""
    columns = [key for key, value in data["rows"][0].items() if not isinstance(value, (dict, list))]
    lines = ["| " + " | ".join(key.replace("_", " ") for key in columns) + " |",
             "| " + " | ".join("---" for _ in columns) + " |"]
    lines += ["| " + " | ".join(cell(row[key]) for key in columns) + " |" for row in data["rows"]]
    facts = [f"{title}{data[key]}" for key, title in (
        ("command", "the last row's command: "), ("hardware", ""), ("seed", "seed "), ("commit", "commit "))
        if data.get(key)]
    return "\n".join(lines) + "\n\n" + (f"- {'; '.join(facts)}.\n" if facts else "")


def cell(value) -> str:
    """A value in a table; a dash for what could not be measured."""
    if isinstance(value, float):
        return f"{value:,.2f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
