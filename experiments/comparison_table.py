"""The tables of the comparison and what their numbers support, made from comparison.json."""
from statistics import mean

from experiments.seeds import LEGEND, METRICS, describe_change, difference_cell, error_cell, label_cell
from experiments.table_text import cost_legend, cpu_minutes_cell, fill_columns, has_whole_cost, list_missing

TITLES = {"mpjpe": "MPJPE", "p_mpjpe": "P-MPJPE", "n_mpjpe": "N-MPJPE", "mpjve": "MPJVE"}
LIMITS = ("What the numbers do not support: anything on the published sizes, on longer trainings or on other "
          "data. A network whose windows cost much sees few of them in this time; a network that is dear to "
          "train may still be the better one where time does not matter.")
COSTS = ("MACs a pose: products and convolutions of one window, divided by the hop; of VideoPose3D and "
         "P-STMO those of one more frame of a long clip, as they share work among windows; FTCM's fast form, "
         "which shares a part too, needs fewer than the table says. Poses a second of processor time, one "
         "thread, without flip test, in the form that --predict uses.")


def comparison_table(lines: list[dict], missing: list[dict]) -> str:
    """The figures of all lines, errors as mean and deviation over seeds; then what is missing."""
    runs = [run for line in lines for run in line["seeds"]]
    columns = {"network": label_cell, **{
        title: lambda line, metric=metric: error_cell(line, metric) for metric, title in TITLES.items()
        if any(metric in line for line in lines)}}
    columns |= {"parameters": lambda line: millions_cell(line["parameters"]),
                "MACs a pose": lambda line: millions_cell(line["macs_per_frame"])}
    if any("windows_per_second" in line for line in lines):     # as older files have it
        columns["windows/s"] = lambda line: rate_cell(line["windows_per_second"])
    columns["poses/s"] = lambda line: rate_cell(line["poses_per_second"])
    if has_whole_cost(runs):
        columns["training"] = budget_cell
    if any("windows_seen" in run for run in runs):
        columns["windows seen"] = windows_cell
    text = fill_columns(columns, lines)
    if any("windows_per_second" in line for line in lines):
        text += ("\nmm, average over actions, flip test; MPJVE in mm per frame step; mean and standard "
                 "deviation where there are several seeds. MACs and speed are without flip test, in batches "
                 "of 64 windows. "
                 + cost_legend(runs, "Training: CPU minutes of the whole run on one thread.") + "\n")
    elif lines:
        text += (f"\n{LEGEND} {COSTS} Training: processor minutes to the last epoch, which is the one that "
                 "is scored. Windows seen: in all epochs, mirrored ones included, in thousands.\n")
    return text + list_missing(missing)


def difference_table(lines: list[dict], reference: str) -> str:
    """Every line's differences from the reference with their intervals; empty without a difference."""
    lines = [line for line in lines if line.get("difference")]
    if not lines:
        return ""
    columns = {f"minus {reference}": lambda line: line["label"], **{
        TITLES[metric]: lambda line, metric=metric: difference_cell(line, metric) for metric in METRICS}}
    return fill_columns(columns, lines)


def budget_cell(line: dict) -> str:
    """The training's processor minutes; marked where a seed lies outside of the budget."""
    outside = any(run.get("outside_budget") for run in line["seeds"])
    return cpu_minutes_cell(line) + (", outside the budget" if outside else "")


def windows_cell(line: dict) -> str:
    """How many windows a training saw in all its epochs, the mean over seeds; in thousands."""
    return f"{mean(run['windows_seen'] for run in line['seeds']) / 1000:,.0f} k"


def describe_lines(results: dict) -> list[str]:
    """A sentence on each line's difference from the reference in MPJPE; then what cannot be said."""
    said = [describe_change(f"{line['label']}, in place of {results['reference']},", line["difference"])
            for line in results["rows"] if line.get("difference")]
    return [*said, LIMITS] if said else []


def name_outside(results: dict) -> list[str]:
    """A sentence on the budget, and one on each training that lies outside of it."""
    limits = results["budget"]
    runs = {(line["network"], run["training_seed"]): run for line in results["rows"] for run in line["seeds"]}
    outside = [f"{run['label']} took {run['training_cpu_minutes']:.2f} processor minutes, outside the "
               "budget: its line is not of equal training." for run in runs.values() if run["outside_budget"]]
    if not runs:
        return []
    minutes = [run["training_cpu_minutes"] for run in runs.values()]
    return [f"Budget: {limits['minutes']:g} processor minutes on one thread each, within "
            f"{100 * limits['tolerance']:.0f} %; the trainings took {min(minutes):.2f} to "
            f"{max(minutes):.2f}.", *outside]


def format_comparison(results: dict) -> str:
    """Tables and sentences as text."""
    said = [*name_outside(results), *describe_lines(results)]
    parts = [comparison_table(results["rows"], results["missing"]),
             difference_table(results["rows"], results["reference"]),
             "".join(f"- {sentence}\n" for sentence in said)]
    return "\n".join(part for part in parts if part)


def millions_cell(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.2f} M"


def rate_cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
