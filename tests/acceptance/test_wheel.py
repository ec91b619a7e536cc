"""The built wheel on its own: templates, themes and a first issue ship inside it.

The dependencies come from the environment that runs the tests, so that nothing is downloaded; `make wheel-check` does
the same with an empty one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `newsletter` command of a virtual environment in which only the wheel is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], folder)
    [wheel] = folder.glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv/bin/python")]
    run([*pip, "install", "--no-deps", "--no-index", str(wheel)], folder)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    # Read after the folder of the wheel, and not searched for the editable install of this checkout.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "newsletter"


def run(arguments: list[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NEWSLETTER_", "PYTHON"))}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_starts_checks_and_builds_a_project(command: Path, tmp_path: Path) -> None:
    run([str(command), "init", "my-news"], tmp_path)
    project = tmp_path / "my-news"
    run([str(command), "check"], project)
    run([str(command), "build"], project)
    built = project / "build" / "welcome"
    assert {file.suffix for file in built.iterdir()} == {".html", ".txt", ".eml", ".mjml"}
    assert "<!DOCTYPE html>" in (built / "en.html").read_text(encoding="utf-8")[:100]
    assert "secret.toml" in (project / ".gitignore").read_text(encoding="utf-8")


def test_wheel_is_what_runs(command: Path, tmp_path: Path) -> None:
    where = run([str(command.with_name("python")), "-c", "import newsletter; print(newsletter.__file__)"], tmp_path)
    assert str(command.parents[1]) in where
