"""The worker: templates that loop, explode or reach for the program become a problem, and the next job is done."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiling import compile_text, edition_of, make_content, make_issue, make_kit, rich_content, write_templates

from newsletter.authoring.issue import Content
from newsletter.compiler.compile import compile_issue
from newsletter.compiler.mjml import templates
from newsletter.compiler.mjml.limits import Limits
from newsletter.compiler.mjml.worker import Worker
from newsletter.problem import Problem

FINE = "<mj-section><mj-column><mj-text>{{ block.text | inline }}</mj-text></mj-column></mj-section>"
LOOP = "{% for i in range(9999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture(scope="module")
def hurried() -> Iterator[Worker]:
    made = Worker(Limits(seconds=1))
    yield made
    made.close()


@pytest.fixture
def worker(hurried: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """One with less time than usual, and the child that the test before has left."""
    monkeypatch.setattr(templates, "worker", lambda: hurried)
    return hurried


def problem_of(folder: Path, source: str, **more: str) -> Problem:
    compiled = compile_text("words", make_kit(write_templates(folder / "project", text=source, **more)))
    assert compiled.edition is None
    assert edition_of(compile_text("words", make_kit(write_templates(folder / "fine", text=FINE))))
    return compiled.problems[-1]


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        (f"\n\n{LOOP}", 3, "does not end"),
        ("{% macro f() %}\n" + LOOP + "{% endmacro %}\n{{ f() }}", 2, "does not end"),
        ("{{ 1 }}\n{{ 'x' * 3000000000 }}", 2, "more memory"),
        ("{{ 'x' * 2000000 }}", 0, "it makes more than 1 MiB of MJML"),
        ("{% macro f() %}\n{{ f() }}{% endmacro %}{{ f() }}", 2, "RecursionError"),
        ("{{ range(1000000000) }}", 1, "Range too big"),
        ("\n{{ cycler.__init__.__globals__.os.popen('id').read() }}", 2, "the sandbox refuses this"),
        ("{{ ''.__class__.__mro__ }}", 1, "the sandbox refuses this"),
        ("{{ image.__globals__ }}", 1, "the sandbox refuses this"),
        ("{{ render_block.__closure__ }}", 1, "the sandbox refuses this"),
        ("{{ t.__code__ }}", 1, "the sandbox refuses this"),
        ("{{ '{0.__class__}'.format(block) }}", 1, "the sandbox refuses this"),
        ("{{ block | attr('__class__') }}", 1, "the sandbox refuses this"),
        ("{{ theme.typefaces.clear() }}", 1, "the sandbox refuses this"),
        ("{{ content.hero.file.file }}", 1, "has no attribute"),
        ("{{ content.hero.file.data }}", 1, "has no attribute"),
        ("{% include 'themes/../../secret.toml' %}", 0, "there is no template"),
        ("{% include '/etc/passwd' %}", 0, "there is no template"),
    ],
)
def test_template_that_goes_too_far_is_a_problem(
    tmp_path: Path, worker: Worker, source: str, line: int, message: str
) -> None:
    content: Content = make_content(*rich_content().blocks[:1], hero=rich_content().hero)
    folder = write_templates(tmp_path / "project", text=source)
    (problem,) = compile_issue(make_issue(content), "en", make_kit(folder)).problems
    assert message in problem.message
    assert problem.place.line == line
    assert problem.place.file == "templates/blocks/text.mjml.j2" or "no template" in message
    assert edition_of(compile_text("words", make_kit(write_templates(tmp_path / "fine", text=FINE))))


def test_work_that_cannot_be_interrupted_is_killed(tmp_path: Path, worker: Worker) -> None:
    problem = problem_of(tmp_path, "{{ 7 ** 99999999 }}")
    assert (problem.place.file, problem.id) == ("templates/blocks/text.mjml.j2", "template")
    assert "does not end" in problem.message


def test_timeout_kills_what_computes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Worker()
    monkeypatch.setattr(templates, "worker", lambda: made)
    kit = make_kit(write_templates(tmp_path, text=FINE))
    edition_of(compile_text("words", kit))
    assert made._child is not None
    os.kill(made._child.pid, signal.SIGSTOP)
    made._limits = Limits(timeout=1)
    assert "does not end" in compile_text("words", kit).problems[-1].message
    made._limits = Limits()
    assert edition_of(compile_text("words", kit))
    made.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_that_died_meanwhile_is_replaced(tmp_path: Path, worker: Worker, number: int) -> None:
    kit = make_kit(write_templates(tmp_path, text=FINE))
    edition_of(compile_text("words", kit))
    assert worker._child is not None
    os.kill(worker._child.pid, number)
    worker._child.wait()
    assert edition_of(compile_text("words", kit))


def test_child_is_kept(tmp_path: Path, worker: Worker) -> None:
    kit = make_kit(write_templates(tmp_path, text=FINE))
    edition_of(compile_text("words", kit))
    child = worker._child
    compile_text("words", make_kit(write_templates(tmp_path / "b", text="{{ nothing }}")))
    edition_of(compile_text("other words", kit))
    assert child is not None
    assert worker._child is child


def test_stopping_ends_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Worker(Limits(seconds=100, timeout=100))
    monkeypatch.setattr(templates, "worker", lambda: made)
    kit = make_kit(write_templates(tmp_path, text=LOOP))
    found: list[Problem] = []
    rendering = threading.Thread(target=lambda: found.extend(compile_text("words", kit).problems))
    rendering.start()
    while made._child is None or not made._read_said().endswith("blocks/text.mjml.j2"):
        time.sleep(0.01)
    made.stop()
    rendering.join()
    assert "stopped" in found[-1].message
    assert "stopped" in compile_text("words", kit).problems[-1].message


def test_template_sees_no_environment_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__PASSWORD", "hunter2hunter2")
    made = Worker()
    monkeypatch.setattr(templates, "worker", lambda: made)
    edition_of(compile_text("words", make_kit(write_templates(tmp_path, text=FINE))))
    assert made._child is not None
    if Path("/proc/self/environ").exists():
        assert b"hunter2" not in Path(f"/proc/{made._child.pid}/environ").read_bytes()
    made.close()
