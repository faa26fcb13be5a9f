"""The report of --benchmark: benchmark.json and the Markdown table."""
import json
from pathlib import Path

from experiments.benchmark import NOT_COUNTED
from common.files import write_whole

HEADER = """\
| frames | network | MACs a pose | poses/s | ratio | share of peak | one window, one thread: median (95 %) \
| ratio | training windows/s | ratio | memory |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""
LEGEND = f"""\
poses/s: whole clips with the mirrored test, float32. literal: model/ftcm.py in large batches; folded:
model/folded.py; sequence: the same weights answering for every frame, windows a third of their length apart;
onnx: the folded network in ONNX Runtime. Ratios are to the literal network in the same run; in training (row:
folded) between the network's fast layers and the literal ones, for the same step. MACs leave out
{NOT_COUNTED}. Share of peak: of the machine's float32 products. Memory:
the whole process at its largest, in evaluation."""


def markdown(report: dict) -> str:
    """The table and what stands below it."""
    made, step = report["machine"], report["published_step"]
    text = [HEADER]
    for line in report["rows"]:
        late = line["latency"] and line["latency"]["one_thread"]
        text.append("| " + " | ".join([
            str(line["frames"]), line["network"], f"{line['macs_per_pose'] / 1e6:,.1f} M",
            f"{line['poses_per_second']:,.0f}", f"{line['ratio']:.2f}",
            f"{line['share_of_peak']:.0%}" if line["share_of_peak"] else "",
            f"{late['median_ms']:.1f} ({late['p95_ms']:.1f}) ms" if late else "",
            f"{late['ratio']:.2f}" if late else "",
            f"{line['training_windows_per_second']:,.0f}" if line["training_windows_per_second"] else "",
            f"{line['training_ratio']:.2f}" if line["training_ratio"] else "",
            f"{line['evaluation_peak_gib']:.1f} GiB" if line["evaluation_peak_gib"] else ""]) + " |")
    loaded = "; ".join(f"{line['frames']:,} frames in {line['seconds']:.1f} s"
                       + (f", {line['peak_gib']:.1f} GiB" if line["peak_gib"] else "")
                       for line in report["loading"])
    text += ["", LEGEND, "",
             f"- Peak of float32 products here (2,048 x 512 x 512): {made['pytorch_gflops']:.0f} GFLOP/s by "
             f"PyTorch's linear layer, {made['products_gflops']:.0f} by model/products.py; memory copies "
             f"{made['copy_gb_per_second']:.0f} GB/s.",
             f"- A step of the published batch ({step['batch']} windows of {step['frames']} frames, in parts "
             f"of {step['micro_batch']}): {step['seconds']:.0f} s"
             + (f", {step['peak_gib']:.1f} GiB." if step["peak_gib"] else "."),
             f"- The data path alone delivers {report['data_windows_per_second']:,.0f} windows of 243 frames "
             "a second on one core.",
             f"- Loading synthetic Human3.6M files: {loaded}.",
             f"- Command: `{report['command']}`; {report['hardware']}; PyTorch {report['torch']}; "
             f"{report['minutes']:.1f} min; commit {report['commit']}."]
    return "\n".join(text) + "\n"


def write(folder: Path, report: dict) -> list[Path]:
    """benchmark.json and benchmark.md."""
    paths = [folder / "benchmark.json", folder / "benchmark.md"]
    write_whole(paths[0], json.dumps(report, indent=1) + "\n")
    write_whole(paths[1], markdown(report))
    return paths
