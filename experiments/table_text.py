"""Rows of many runs as a Markdown table, and what their training costs mean."""


def markdown(rows: list[dict], missing: list[dict], *, published: bool = True) -> str:
    """The table; then what is missing and how to get it.

    With `published` the published figures and the differences from them stand beside the measured ones.
    """
    paired = any("paired" in row for row in rows)
    columns = ["row", *(["published P1 / P2"] if published else []), "measured P1 / P2",
               *(["difference"] if published else []), "95 % interval of P1",
               *(["P1 minus the first row's (95 %, paired)"] if paired else []), "P1 of the last epoch",
               "parameters", *(["training"] if whole_cost(rows) else [])]
    lines = [columns, ["---"] * len(columns)]
    for row in rows:
        known = row["published"]
        cells = [row["label"], f"{row['mpjpe']:.2f} / {row['p_mpjpe']:.2f}",
                 f"{row['interval'][0]:.2f} to {row['interval'][1]:.2f}",
                 *([paired_cell(row)] if paired else []),
                 "" if row["last_epoch_mpjpe"] is None else f"{row['last_epoch_mpjpe']:.2f}",
                 f"{row['parameters'] / 1e6:.2f} M", *([training_cost(row)] if whole_cost(rows) else [])]
        if published:
            cells[2:2] = [f"{row['mpjpe'] - known['mpjpe']:+.2f} / {row['p_mpjpe'] - known['p_mpjpe']:+.2f}"
                          if known else ""]
            cells[1:1] = [f"{known['mpjpe']:.2f} / {known['p_mpjpe']:.2f}" if known else "not published"]
        lines.append(cells)
    text = ["| " + " | ".join(line) + " |" for line in lines]
    if rows:
        drawn = "motions" if whole_cost(rows) else "clips, too narrowly (views of a motion are alike),"
        text += ["", f"mm; average over actions. The interval draws each action's {drawn} anew (bootstrap, "
                 "1,000 draws). " + cost_legend(rows, "Training: the whole run, validation included.")]
    text += listed(missing)
    return "\n".join(text) + "\n"


def paired_cell(row: dict) -> str:
    """The paired difference from the first row's MPJPE with its interval; empty in the first row."""
    if "paired" not in row:
        return ""
    low, high = row["paired"]["interval"]
    return f"{row['paired']['difference']:+.2f} ({low:+.2f} to {high:+.2f})"


def whole_cost(runs: list[dict]) -> bool:
    """Whether the training costs are those of whole runs; older files count up to the selected epoch only."""
    return all("selected_epoch" in run for run in runs)


def cost_legend(runs: list[dict], text: str) -> str:
    """`text`, or why the table has no training costs."""
    return text if whole_cost(runs) else ("Without training costs: this file counts them up to the selected "
                                          "epoch only.")


def training_cost(row: dict) -> str:
    """The cell that says how long a row was trained; empty for weights without a history."""
    if not row["training_epochs"]:
        return ""
    return f"{row['training_epochs']} epochs, {row['training_minutes']:.1f} min"


def listed(missing: list[dict]) -> list[str]:
    """The lines that name the missing rows with their reasons; none where nothing is missing."""
    lines = [f"- {entry['label']}: {entry['reason']}" for entry in missing]
    return ["", "Missing:", "", *lines] if lines else []
