"""Results as Markdown tables and as files; what training costs mean."""
from collections.abc import Callable
from pathlib import Path

from common.files import write_whole
from common.reporting.score_table import write_json

Columns = dict[str, Callable[[dict], str]]      # title -> what writes a row's cell


def markdown_table(titles: list[str], rows: list[list[str]]) -> str:
    """A Markdown table of these cells, a line for each row, with a newline at the end."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (titles, ["---"] * len(titles), *rows))


def fill_columns(columns: Columns, rows: list[dict]) -> str:
    """A Markdown table of `rows`."""
    return markdown_table(list(columns), [[write(row) for write in columns.values()] for row in rows])


def list_missing(missing: list[dict]) -> str:
    """The lines that name the missing rows with their reasons; empty where nothing is missing."""
    lines = [f"- {entry['label']}: {entry['reason']}\n" for entry in missing]
    return "".join(["\nMissing:\n\n", *lines]) if lines else ""


def write_results(folder: Path, name: str, results: dict, text: str) -> Path:
    """Write {name}.json and its table {name}.md; returns the path of the JSON file. NaN becomes null."""
    path = folder / f"{name}.json"
    write_json(path, results)
    write_whole(path.with_suffix(".md"), text)
    return path


def has_whole_cost(runs: list[dict]) -> bool:
    """Whether the training costs are those of whole runs; older files count up to the selected epoch only."""
    return all("selected_epoch" in run for run in runs)


def cost_legend(runs: list[dict], text: str) -> str:
    """`text`, or why the table has no training costs."""
    return text if has_whole_cost(runs) else ("Without training costs: this file counts them up to the "
                                              "selected epoch only.")


def cpu_minutes_cell(row: dict) -> str:
    return f"{row['training_cpu_minutes']:.1f} min"
