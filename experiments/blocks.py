"""Results as Markdown: what a page shows of each JSON file in checkpoint/results/.

Every function takes the name of the results, the content of their JSON file and how a link of the page to
their folder begins.
"""
import json
import math
from pathlib import Path

from common import scores
from common.reporting import score_table
from experiments.ablation import ablation_table
from experiments.augmentation import augmentation_table
from experiments.benchmark_report import benchmark_table
from experiments.body import render_body
from experiments.comparison_table import comparison_table, format_comparison
from experiments.conditions import AXES
from experiments.precision import render_precision
from experiments.processor import name_processor
from experiments.representation import describe as describe_representation
from experiments.rows import row_table
from experiments.stages import describe as describe_stages
from experiments.table_text import markdown_table
from experiments.tables import PUBLISHED
from experiments.units import units_table

SUMMARY = "summary"                 # one line for each of several evaluations
SUMMARY_ROWS = [("ftcm_best_detected", "`best`, 81 frames | simulated"),
                ("ftcm_best_gt", "`best` | exact"),
                ("ftcm_fast_detected", "`fast`, 27 frames | simulated"),
                ("ftcm_fast_gt", "`fast` | exact"),
                ("ftcm_live_detected", "`live`, 27 frames, no delay | simulated"),
                ("ftcm_mean_detected", "mean of the poses of `best` and `fast` | simulated"),
                ("demo", "9 frames, `make demo` | exact")]
PER_PROCESSOR = "benchmark"         # its results are a folder with a file for each processor
STUDIES = {"tables": row_table, "ablation": ablation_table, "augmentation": augmentation_table,
           "units": units_table}


def render_block(name: str, results: Path, link: str) -> str:
    """The text on the results `name` in the folder `results`.

    FileNotFoundError without a JSON file; ValueError where it is not what a study of this name writes.
    """
    paths = [results / f"{part}.json" for part in
             ([part for part, _ in SUMMARY_ROWS] if name == SUMMARY else [name])]
    if name == PER_PROCESSOR:
        paths = sorted((results / name).glob("*.json"))
    if not all(path.is_file() for path in paths) or not paths:
        raise FileNotFoundError(f"there is no {name}.json")
    text = summary_table(paths) if name == SUMMARY else render_files(name, paths, link)
    links = [f"[{path.name}]({link}{path.relative_to(results).as_posix()})" for path in paths]
    return f"{text}- From {', '.join(links)}, which the program wrote.\n"


def summary_table(paths: list[Path]) -> str:
    """A line for the average of each of SUMMARY_ROWS, one for the mean pose, one for the published figure."""
    titles = ["network", "keypoints", "MPJPE, mm (95 % interval)", "P-MPJPE, mm", "frames scored"]
    lines = []
    for path, (_, label) in zip(paths, SUMMARY_ROWS, strict=True):
        data = json.loads(path.read_text(encoding="utf-8"))
        average, (low, high) = data["average"], data["interval"]
        lines.append([*label.split(" | "), f"{average['mpjpe']:.1f} ({low:.1f} to {high:.1f})",
                      f"{average['p_mpjpe']:.1f}", f"{average['frames']:,}"])
    flat = json.loads(paths[0].read_text(encoding="utf-8"))["mean_pose"]["average"]
    lines.append(["mean training pose at the true heading", "none", f"{flat['mpjpe']:.1f}",
                  f"{flat['p_mpjpe']:.1f}", f"{flat['frames']:,}"])
    (detector, frames, tds, _), published = next(iter(PUBLISHED.items()))
    lines.append([f"the original release, Human3.6M, {frames} frames, tds {tds}, refine with true root depth",
                  detector, f"{published['mpjpe']:.2f}, published, not measured here",
                  f"{published['p_mpjpe']:.2f}", ""])
    return (f"{markdown_table(titles, lines)}\nAverages over actions, flip test. The interval draws each "
            "action's motions anew; the last line is another data set.\n"
            f"{describe_speed(paths[0].parent / PER_PROCESSOR)}\n")


def describe_speed(folder: Path) -> str:
    """What the benchmarks of all processors in `folder` say together, for one window on one thread."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    ratios = [row["latency"]["one_thread"]["ratio"] for report in reports for row in report["rows"]
              if row["network"] == "folded"]
    processors = ", ".join(name_processor(report["machine"]) for report in reports)
    return (f"Speed of one window on one thread, without flip test: {min(ratios):.2f} to {max(ratios):.2f} "
            f"times that of the network as published\n(measured on {processors}).\n")


def render_files(name: str, paths: list[Path], link: str) -> str:
    """What JSON files show as the results `name`: several processors' for the benchmark, else one.

    ValueError where they are not what a study of this name writes.
    """
    kind = name.split("_")[0]
    if kind not in RENDERERS:
        raise ValueError(f"no study writes results of the name {name}; choose {', '.join(RENDERERS)}, or one "
                         "of these with _ and more behind it")
    try:
        contents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        return RENDERERS[kind](name, contents if name == PER_PROCESSOR else contents[0], link)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        files = ", ".join(path.name for path in paths)
        raise ValueError(f"{files} is not what this version writes as {name} "
                         f"({type(error).__name__}: {error}); measure it again") from error


def render_benchmark(name: str, reports: list[dict], link: str) -> str:
    """The table of all processors."""
    return benchmark_table(reports)


def render_demo(name: str, data: dict, link: str) -> str:
    """The demo's own sentence, then its evaluation."""
    text = "The table of the demo's training, on the bundled motions."
    if data["training_epochs"] < data["planned_epochs"]:
        text += (" The time limit ended this run before its last epoch. A machine that\nfinishes more of the "
                 f"{data['planned_epochs']} epochs gets lower errors.")
    return f"{text}\n\n{render_evaluation(name, data, link)}"


def render_evaluation(name: str, data: dict, link: str) -> str:
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


def render_study(name: str, data: dict, link: str) -> str:
    """The rows of one of STUDIES with their source."""
    return STUDIES[name](data["rows"], data["missing"]) + "\n" + describe_source(name, data)


def render_comparison(name: str, data: dict, link: str) -> str:
    """The figure and the tables of the comparison with their source; older files have no figure."""
    whole = "budget" in data
    text = format_comparison(data) if whole else comparison_table(data["rows"], data["missing"])
    picture = f"![MPJPE against multiply-accumulates a pose]({link}{name}.png)\n\n" if whole else ""
    return f"{picture}{text}\n{describe_source(name, data)}"


def render_units(name: str, data: dict, link: str) -> str:
    """The figure and the table of the study of the units."""
    return (f"![MPJPE over training, with and without the units; the difference over noise]({link}{name}.png)"
            f"\n\n{render_study(name, data, link)}")


def describe_source(name: str, data: dict) -> str:
    """How the rows of a study were trained and scored, by which command, and where."""
    text = ""
    if "training" in data:
        text += (f"- Trained with `{data['training']}` and the options of experiments/{name}.py, scored with "
                 f"`{data['evaluation']}`.\n")
    if data["rows"]:
        first = data["rows"][0]
        seed = f"seed {first['seed']}; " if "seed" in first else ""
        source = data if "hardware" in data else first
        text += f"- Command: `{data['command']}`; {source['hardware']}; {seed}commit {source['commit']}.\n"
    return text


def render_limits(name: str, data: dict, link: str) -> str:
    """The charts of the limits with their source."""
    size = f"{data['network']}, {data['frames']} frames, {data['checkpoint']}"
    ranges = [f"- {title}, {data[key][0]['value']:.4g} to {data[key][-1]['value']:.4g}: MPJPE "
              f"{format_range(data[key], 'mpjpe')}, P-MPJPE {format_range(data[key], 'p_mpjpe')} mm.\n"
              for key, title in AXES.items()]
    return (f"![Errors against noise, missing joints, cameras, frame rate: {size}]({link}{name}.png)\n\n"
            f"{''.join(ranges)}"
            f"- {size}, {data['dataset']} test subjects. {data['thinning']}\n"
            "- The camera of the last row keeps its distance and glides with the person; pitch is measured "
            "at 4 m, distance at 10 degrees.\n"
            f"- Command: `{data['command']}`; {data['hardware']}; seed {data['seed']}; "
            f"{data['minutes']:.1f} min; commit {data['commit']}.\n")


def format_range(rows: list[dict], metric: str) -> str:
    """The lowest and the highest value of a metric."""
    values = [row[metric] for row in rows]
    return f"{min(values):.1f} to {max(values):.1f}"


def render_smoothing(name: str, data: dict, link: str) -> str:
    """A row for each strength of smoothing; then the source."""
    titles = list(data["rows"][0])
    cells = [[f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()]
             for row in data["rows"]]
    return (f"{markdown_table(titles, cells)}\n- the last row's command: {data['command']}; "
            f"{data['hardware']}; seed {data['seed']}; commit {data['commit']}.\n")


def render_compare(name: str, data: dict, link: str) -> str:
    """The paired difference of two evaluations, as experiments/compare.py writes it."""
    rows = [[scores.COLUMNS[key], f"{data[key]['first']:.1f}", f"{data[key]['second']:.1f}",
             "{:+.1f} ({:+.1f} to {:+.1f})".format(data[key]["difference"], *data[key]["interval"])]
            for key in scores.JOINT_COLUMNS]
    before, after = (Path(file).parent.name for file in data["files"])
    return (markdown_table(["mm", before, after, "difference (95 % interval)"], rows)
            + f"\n{data['clips']} clips, {data['frames']:,} frames; the interval draws each action's motions "
            "anew, the same for both.\n")


def render_representation(name: str, data: dict, link: str) -> str:
    """The effects of each option, as experiments/representation.py writes them."""
    return describe_representation(data)


def render_stages(name: str, data: dict, link: str) -> str:
    """The stages of the weights that ship, as experiments/stages.py writes them."""
    return describe_stages(data)


RENDERERS = {"ftcm": render_evaluation, "compare": render_compare, "representation": render_representation,
             "stages": render_stages,
             "demo": render_demo, "limits": render_limits, "smoothing": render_smoothing,
             "benchmark": render_benchmark, "body": render_body,
             "precision": render_precision,
             **dict.fromkeys(STUDIES, render_study), "comparison": render_comparison,
             "units": render_units}
