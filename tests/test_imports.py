"""Who may import whom: lower levels never see higher ones, and importing has no effect but definitions."""
import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
LEVELS = {0: {"common.options", "common.skeleton", "common.camera", "common.loss", "common.metrics",
              "common.provenance", "common.files", "common.distributed", "dataset.archive"},
          1: {"common.clips", "common.checkpoint", "common.layouts", "common.bvh",
              "common.lift", "common.level", "common.drawing", "common.movie", "common.smooth"},
          2: {"common.windows", "common.scores", "common.scores_3dhp", "common.stream", "common.plots",
              "common.export", "common.player", "common.limits", "common.tables",
              "common.keypoint_errors"},
          3: {"common.own_video", "common.engine", "common.run_folder", "common.report", "common.augment",
              "common.charts"},
          4: {"common.live", "common.training", "common.benchmark"},
          5: {"common.comparison", "common.augmentation", "common.benchmark_report"},
          6: {"common.readme"}}
FILES = sorted(path for folder in ("model", "common", "dataset") for path in (PROJECT / folder).glob("*.py")
               if path.stem != "__init__")


def level(module):
    known = [number for number, names in LEVELS.items() if module in names]
    return known[0] if known else 0 if module.startswith("model.") else 2


def imported_modules(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
            assert "*" not in [alias.name for alias in node.names], f"{path}: star import"
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    ours = {f"{path.parent.name}.{path.stem}" for path in FILES}
    return names & ours


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_module_imports_only_lower_levels_and_its_own_kind(path):
    folder, module = path.parent.name, f"{path.parent.name}.{path.stem}"
    for name in imported_modules(path):
        if folder == "model":
            assert name.startswith("model."), f"{module} imports {name}"
        elif folder == "common":
            assert name.startswith("common."), f"{module} imports {name}"
            assert level(name) < level(module), (f"{module} (level {level(module)}) imports {name} "
                                                 f"(level {level(name)})")
        else:
            assert name.startswith("dataset.") or level(name) <= 1, f"{module} imports {name}"


@pytest.mark.parametrize("path", [*FILES, PROJECT / "run_ftcm.py"], ids=lambda path: path.stem)
def test_importing_only_defines(path):
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
               ast.AugAssign)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        guard = isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
        assert docstring or guard or isinstance(node, allowed), f"{path.name}, line {node.lineno}"
