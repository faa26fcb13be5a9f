"""Who may import whom: a folder imports its own kind and what lies below it; importing only defines."""
import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
# The kernel in reading order: each file imports only files that stand before it.
KERNEL = ["bounds", "batch_sizes", "skeleton", "stature", "posture", "camera", "inputs", "loss", "metrics",
          "files", "errors", "terminal", "clips", "recording", "windows", "smooth", "lift", "refining",
          "engine", "scores"]
# A folder (the project's own is "") and what its modules may import beside their own kind: all modules of a
# folder, or one module. A folder imports only folders that stand before it.
MAY_IMPORT = {
    "common": set(),                            # the kernel
    "model": set(),
    "common.untrusted": set(),
    "common.pictures": {"common.skeleton", "common.files"},
    "common.augmentation": {"common"},
    "common.weights": {"common", "common.untrusted"},
    "common.running": {"common", "common.weights"},
    "common.reporting": {"common", "common.pictures"},
    "common.learning": {"common", "common.pictures", "common.weights", "common.running", "common.reporting"},
    "common.video": {"common", "common.pictures", "common.running.ensemble"},
    "common.command": {"common", "common.augmentation", "common.learning", "common.running",
                       "common.untrusted.values", "common.weights"},
    "dataset": {"common", "common.augmentation.keypoint_errors", "common.command.command_line",
                "common.untrusted"},
    "dataset.keypoints": {"common", "common.untrusted", "dataset"}}
MAY_IMPORT |= {"": set(MAY_IMPORT)}             # ftcm.py is run_ftcm.py for other programs
MAY_IMPORT |= {"experiments": set(MAY_IMPORT)}
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
    folder = folder_of(module)
    assert folder in MAY_IMPORT, f"{module} lies in a folder without a rule"
    for name in imported_modules(FILES[module]):
        assert {name, folder_of(name)} & {folder, *MAY_IMPORT[folder]}, f"{module} imports {name}"


def test_the_rule_has_one_direction():
    folders = list(MAY_IMPORT)
    for folder, others in MAY_IMPORT.items():
        for other in others:
            other = other if other in MAY_IMPORT else folder_of(other)
            assert folders.index(other) < folders.index(folder), f"{folder} may import {other}"


def test_the_kernel_is_read_in_an_hour():
    lines = [len(FILES[f"common.{name}"].read_text(encoding="utf-8").splitlines()) for name in KERNEL]
    assert len(lines) < 24 and sum(lines) <= 3000


@pytest.mark.parametrize("folder", [folder for folder in MAY_IMPORT if folder.startswith("common")])
def test_a_room_says_in_a_sentence_what_it_is_for(folder):
    page = PROJECT.joinpath(*folder.split("."), "__init__.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(page)).endswith(".")


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
