"""How quick writing is: warm compile, a check of 200 issues, save → text in the preview's frame.

    bench/compile.py [CHECKOUT …]

Medians of rounds in which this checkout and the others given take turns; each has its own .venv. The last measure needs
playwright and chromium, and is left out without them.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve()
LARGER = "2024-01-25-frontiers-of-llms"
MANY = 200


def warm_compile(project: Path) -> float:
    """Milliseconds to compile the larger issue in both languages, once everything is loaded: median of 20."""
    from newsletter.app.issues.editions import compile_editions
    from newsletter.app.issues.examine import load
    from newsletter.app.project import open_project

    opened = open_project(project, os.environ)
    issue = load(opened, project / "issues" / LARGER / "issue.yaml").issue
    assert issue is not None
    return _median(lambda: compile_editions(opened, issue))


def bare_mjml(project: Path) -> float:
    """Milliseconds that mjml-python alone takes for the MJML of both languages: what compiling is compared with."""
    from mjml import mjml2html

    from newsletter.app.issues.editions import compile_editions
    from newsletter.app.issues.examine import load
    from newsletter.app.project import open_project

    opened = open_project(project, os.environ)
    issue = load(opened, project / "issues" / LARGER / "issue.yaml").issue
    assert issue is not None
    sources = [edition.mjml for edition in compile_editions(opened, issue).editions.values()]
    return _median(lambda: [mjml2html(source, fonts={}) for source in sources])


def check_many(project: Path) -> float:
    """Milliseconds of one `newsletter check` of 200 issues, the whole process."""
    with _copies(project, MANY) as folder:
        return _timed(lambda: subprocess.run([*_COMMAND, "-C", str(folder), "check"], capture_output=True))


def save_to_text(project: Path) -> float:
    """Milliseconds from the end of a save to the new words in chromium's frame: median of 8."""
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium")
    assert browser is not None, "chromium is not installed"
    with _copies(project, 1) as folder, _previewing(folder) as url, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.goto(f"{url}/issues/copy0")
        file = folder / "issues/copy0/issue.yaml"
        text, times = file.read_text(), []
        for number in range(9):
            word = f"Saved{number}Times"
            page.wait_for_timeout(500)
            file.write_text(re.sub(r"(?m)^title: .*", f'title: "{word}"', text, count=1))
            started = time.perf_counter()
            page.wait_for_function(_SHOWN, arg=word, polling="raf")
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


MEASURES = {one.__name__: one for one in (warm_compile, bare_mjml, check_many, save_to_text)}

_COMMAND = [sys.executable, "-m", "newsletter"]
_SHOWN = """word => [...document.querySelectorAll("iframe")].some(frame => {
    const shown = frame.contentDocument; return shown && shown.body && shown.body.innerText.includes(word) })"""


@contextmanager
def _copies(project: Path, count: int) -> Iterator[Path]:
    """A project with so many copies of the samples."""
    with tempfile.TemporaryDirectory() as name:
        folder, samples = Path(name), sorted((project / "issues").glob("20*"))
        shutil.copy(project / "newsletter.toml", folder)
        shutil.copytree(project / "templates", folder / "templates")
        for file in (project / "issues").glob("*.yaml"):
            (folder / "issues").mkdir(exist_ok=True)
            shutil.copy(file, folder / "issues")
        shutil.copytree(project / "issues/people", folder / "issues/people")
        for number in range(count):
            source = project / "issues" / LARGER if count == 1 else samples[number % len(samples)]
            shutil.copytree(source, folder / "issues" / f"copy{number}")
        yield folder


@contextmanager
def _previewing(folder: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [*_COMMAND, "-C", str(folder), "preview", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[^/\s]+", process.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        process.kill()
        process.wait()


def _timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return (time.perf_counter() - started) * 1000


def _median(step: Callable[[], object], runs: int = 20) -> float:
    step()
    return statistics.median(_timed(step) for _ in range(runs))


def main() -> None:
    """Print the medians of each checkout, and their ratio to this one's."""
    project = HERE.parents[1]
    checkouts = [project, *(Path(argument).resolve() for argument in sys.argv[1:])]
    print(f"{'milliseconds':16}" + "".join(f"{one.name:>20}" for one in checkouts))
    for name in MEASURES:
        found: dict[Path, list[float]] = {one: [] for one in checkouts}
        for _ in range(1 if name == "check_many" else 3):
            for one in checkouts:
                command = [str(one / ".venv/bin/python"), str(HERE), f"--{name}", str(project)]
                found[one].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        medians = [statistics.median(found[one]) for one in checkouts]
        print(f"{name:16}" + "".join(f"{one:13.1f} {one / medians[0]:5.2f}×" for one in medians), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1].startswith("--"):
        print(MEASURES[sys.argv[1][2:]](Path(sys.argv[2])))
    else:
        main()
