"""What stands beside a result about its source."""
import subprocess

from common.reporting import provenance


def test_a_commit_is_dirty_when_source_differs_but_not_by_results_or_without_git(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True,
                       capture_output=True)

    for name in ("common/code.py", "README.md", "checkpoint/results/table.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "common" / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() is None
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    clean = provenance.commit()
    assert len(clean) == 12
    for name, ending in (("README.md", ""), ("checkpoint/results/table.json", ""), ("new.py", ""),
                         ("common/code.py", "-dirty")):
        (tmp_path / name).write_text("2")
        assert provenance.commit() == clean + ending
