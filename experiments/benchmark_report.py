"""The results of the benchmark: a JSON file for each processor, one Markdown table of all of them."""
from pathlib import Path

from common.batch_sizes import WINDOWS_PER_FRAME
from common.reporting.score_table import write_json
from experiments.network_speed import NOT_COUNTED
from experiments.processor import name_processor, processor_file
from experiments.table_text import markdown_table

FORMS = ("literal", "folded", "sequence", "onnx")
BENCHMARK_LEGEND = f"""\
poses/s: whole clips with flip test, float32. literal: model/ftcm.py, "at" the number of windows in a batch
that was the fastest of several. folded: model/folded.py with the program's default batch. onnx: the same in
ONNX Runtime. sequence: the folded network predicting every frame, {WINDOWS_PER_FRAME} windows over each.
In parentheses: how many times as fast as the literal network on the same processor in the same run, median
over rounds. %: MACs of whole windows, against the network's products alone, each by the faster library;
overlapping windows share some. One window: milliseconds without flip test, on one thread, median. Training,
on all threads of the run (row: folded): the network with fast layers and the literal one, each at its fastest
batch size. One thread is timed by its processor time, which other work hardly changes, more threads by the
clock.
MACs leave out {NOT_COUNTED}."""


def benchmark_table(reports: list[dict]) -> str:
    """The table of all reports, a group of columns for each processor, and what stands below it."""
    titles = ["frames", "network", "MACs a pose"]
    for report in reports:
        machine = report["machine"]
        titles += [f"{name_processor(machine)}: poses/s, 1 thread",
                   *([f"{machine['threads']} threads"] if machine["threads"] > 1 else []),
                   "one window, ms", "training windows/s"]
    found = [{(row["frames"], row["network"]): row for row in report["rows"]} for report in reports]
    keys = sorted({key for rows in found for key in rows}, key=lambda key: (key[0], FORMS.index(key[1])))
    lines = []
    for frames, network in keys:
        same = [rows.get((frames, network)) for rows in found]
        work = next(row for row in same if row)["macs_per_pose"]
        lines.append([str(frames), network, f"{work / 1e6:,.1f} M",
                      *[text for row, report in zip(same, reports, strict=True)
                        for text in processor_cells(row, report["machine"]["threads"])]])
    sources = "\n".join(map(describe_source, reports))
    return f"{markdown_table(titles, lines)}\n{BENCHMARK_LEGEND}\n\n{sources}\n"


def processor_cells(row: dict | None, threads: int) -> list[str]:
    """One processor's columns of a row, three with one thread, else four; empty where it was not measured."""
    labels = ["one_thread", *(["all_threads"] if threads > 1 else [])]
    if row is None:
        return [""] * (len(labels) + 2)
    window = (row["latency"] or {}).get("one_thread")
    beside = f" ({format_ratio(window['ratio'])})" if window and window["ratio"] else ""
    return [*[speed_cell(row["evaluation"].get(label)) for label in labels],
            f"{window['median_ms']:.1f}{beside}" if window else "", speed_cell(row["training"])]


def speed_cell(result: dict | None) -> str:
    """A number a second with its ratio, or with the batch that was the fastest of several."""
    if result is None:
        return ""
    if result.get("ratio"):
        beside = f" ({format_ratio(result['ratio'])})"
    else:
        beside = f" at {result['batch']}" if len(result["per_second_by_batch"]) > 1 else ""
    share = f", {100 * result['share_of_peak']:.0f} %" if "share_of_peak" in result else ""
    return f"{result['per_second']:,.0f}{beside}{share}"


def format_ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def describe_source(report: dict) -> str:
    """What is known of one processor's figures, as an item of a list."""
    made, step = report["machine"], report["published_step"]
    loaded = ", ".join(f"{line['frames']:,} frames in {line['seconds']:.1f} s"
                       + (f" ({line['peak_gib']:.1f} GiB)" if line["peak_gib"] else "")
                       for line in report["loading"])
    load = [made.get("load_average_before"), made.get("load_average_after")]
    facts = [
        f"- {name_processor(made)}: {made['model']}, {made['threads']} of {made['cores']} threads"
        + (f", {', '.join(made['vector_units'])}" if made["vector_units"] else ""),
        *describe_products(report),
        f"memory copies {made['copy_gb_per_second']:.0f} GB/s",
        f"a step of the published batch ({step['batch']} windows of {step['frames']} frames, in parts of "
        f"{step['micro_batch']}) {step['seconds']:.0f} s"
        + (f", {step['peak_gib']:.1f} GiB" if step["peak_gib"] else ""),
        f"batches without a network {report['data_windows_per_second']:,.0f} windows of 243 frames a second",
        f"loading synthetic Human3.6M files: {loaded}",
        *describe_sharing(report),
        *([f"load average {load[0]:.1f} before, {load[1]:.1f} after"] if None not in load else []),
        f"`{report['command']}`, PyTorch {report['torch']}, {report['minutes']:.1f} min, commit "
        f"{report['commit']}"]
    return " ".join(["; ".join(facts) + ".", *([report["note"]] if "note" in report else [])])


def describe_products(report: dict) -> list[str]:
    """GFLOP/s of products; older reports know those of one size."""
    if "products" not in report:
        made = report["machine"]
        return [f"float32 products (2,048 x 512 x 512) {made['pytorch_gflops']:.0f} GFLOP/s by PyTorch's "
                f"linear layer, {made['products_gflops']:.0f} by oneDNN"]
    (frames, by_threads), = list(report["products"].items())[-1:]
    parts = [f"{name} {', '.join(f'{key} {value:.0f}' for key, value in by_library.items())}"
             for name, by_library in by_threads["one_thread"].items() if name != "peak"]
    forms = {row["form"] for row in report["rows"] if row["network"] == "folded"}
    return [f"float32 products of {frames} frames on one thread, GFLOP/s: {'; '.join(parts)}",
            f"form chosen: {', '.join(sorted(forms))}"]


def describe_sharing(report: dict) -> list[str]:
    """What more threads gain, and what busy processes cost; older reports do not know."""
    if "scaling" not in report:
        return []
    gains = [f"{name} " + ", ".join(f"{count}: {rate:,.0f}" for count, rate in rates.items())
             for name, rates in report["scaling"]["per_second"].items()]
    busy, frames = report["busy"], report["scaling"]["frames"]
    costs = [f"{name} {busy['evaluation'][name]:.1f} (one window {busy['window'][name]:.1f})"
             for name in busy["evaluation"]]
    return [f"poses/s of {frames} frames by threads: {'; '.join(gains)}",
            f"beside {busy['processes']} busy processes, times as long as alone: {', '.join(costs)}"]


def write_benchmark(folder: Path, report: dict) -> Path:
    """Write a JSON file that is named by the processor's maker and vector units; returns its path."""
    path = folder / f"{processor_file(report['machine'])}.json"
    write_json(path, report)
    return path
