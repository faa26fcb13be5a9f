"""Who may import whom: a folder imports its own kind and what lies below it; importing only defines."""
import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
# The kernel in reading order: each file imports only files that stand before it.
KERNEL = ["bounds", "batch_sizes", "skeleton", "stature", "posture", "camera", "inputs", "loss", "metrics",
          "provenance", "files", "errors", "terminal", "distributed", "clips", "recording", "windows",
          "smooth", "lift", "refining", "teaching", "scores", "score_table", "releases", "checkpoint",
          "pretraining", "engine", "ensemble", "run_folder", "report", "averaging", "training",
          "export_network", "runtime"]
# A folder (the project's own is "") and what its modules may import: all modules of a folder, or one module.
KERNEL_AND_BELOW = {"common", "common.pictures", "common.untrusted"}
ROOMS = {"dataset", "dataset.keypoints", "model", "common.video", "common.augmentation", "common.command"}
MAY_IMPORT = {
    "model": {"model"},
    "common.pictures": {"common.pictures", "common.skeleton", "common.files"},
    "common.untrusted": {"common.untrusted"},
    "common": KERNEL_AND_BELOW,
    "common.augmentation": {"common.augmentation"} | KERNEL_AND_BELOW,
    "common.command": {"common.command", "common.augmentation"} | KERNEL_AND_BELOW,
    "common.video": {"common.video"} | KERNEL_AND_BELOW,
    "dataset": {"dataset", "common.augmentation.keypoint_errors", "common.command.command_line"}
    | KERNEL_AND_BELOW,
    "dataset.keypoints": {"dataset.keypoints", "dataset"} | KERNEL_AND_BELOW,
    "": {""} | ROOMS | KERNEL_AND_BELOW,       # ftcm.py is run_ftcm.py for other programs
    "experiments": {"experiments", ""} | ROOMS | KERNEL_AND_BELOW}
FILES = {str(path.relative_to(PROJECT).with_suffix("")).replace("/", "."): path
         for path in sorted(PROJECT.rglob("*.py"))
         if path.stem != "__init__" and not path.is_relative_to(PROJECT / "tests")
         and not any(part.startswith(".") for part in path.relative_to(PROJECT).parts)}


def folder_of(module: str) -> str:
    return module.rpartition(".")[0]


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert "*" not in [alias.name for alias in node.names], f"{path}: star import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & FILES.keys()


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_its_own_kind_and_what_lies_below(module):
    assert folder_of(module) in MAY_IMPORT, f"{module} lies in a folder without a rule"
    for name in imported_modules(FILES[module]):
        assert {name, folder_of(name)} & MAY_IMPORT[folder_of(module)], f"{module} imports {name}"


@pytest.mark.parametrize("module", [module for module in FILES if folder_of(module) == "common"])
def test_the_kernel_imports_downwards(module):
    own = module.removeprefix("common.")
    assert own in KERNEL, f"{module} has no place in KERNEL"
    for name in imported_modules(FILES[module]):
        if folder_of(name) == "common":
            assert KERNEL.index(name.removeprefix("common.")) < KERNEL.index(own), f"{module} imports {name}"


@pytest.mark.parametrize("module", FILES)
def test_importing_only_defines(module):
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
               ast.AugAssign)
    for node in ast.parse(FILES[module].read_text(encoding="utf-8")).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        guard = isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        assert docstring or guard or isinstance(node, allowed), f"{module}, line {node.lineno}"
