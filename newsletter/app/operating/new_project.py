"""New project: made from the starter that ships with the program. Asked for by `newsletter init`."""

from pathlib import Path

from newsletter.app.keys import FILE as KEYS_FILE
from newsletter.app.keys import load_keys
from newsletter.app.project import STARTER, Project, shipped_templates
from newsletter.authoring.json_schema import write_schemas
from newsletter.authoring.project_blocks.load import block_types
from newsletter.compiler.mjml.templates import looks_in
from newsletter.config import FILE
from newsletter.disk import write_whole
from newsletter.errors import AlreadyExistsError, AuthoringError, WrongUsageError
from newsletter.problem import has_errors

SCHEMAS = "schema"
"""Where editors look for the shape of an issue file, to complete and check it as it is typed."""

_RENAMED = {"gitignore": ".gitignore"}  # a file of that name inside the package would take effect there


_THEME = """\
# How every issue looks that names no other theme. Add only the keys you change; all keys are in the program's
# docs/reference/template-context.md. Watch the result: newsletter preview

base: {}
"""


def start_project(folder: Path, theme: str = "") -> list[Path]:
    """Write a new project into `folder` (made if missing) and return the files that were written, in order.

    `theme`: the shipped one that its issues begin with; empty for the program's default. Nothing that exists is
    overwritten: raises AlreadyExistsError naming what is in the way. Raises WrongUsageError for an unknown theme.
    """
    themes = looks_in([shipped_templates()], root=folder)["theme"]
    if theme and theme not in themes:
        raise WrongUsageError(f"There is no theme {theme!r}", hint=f"There are: {', '.join(themes)}")
    wanted = {folder / _target(file): file.read_bytes() for file in sorted(STARTER.rglob("*")) if _ships(file)}
    if theme:
        wanted[folder / "templates" / "themes" / "default.yaml"] = _THEME.format(theme).encode()
    in_the_way = [path for path in wanted if path.exists()]
    if in_the_way:
        raise AlreadyExistsError(
            f"{in_the_way[0]} is already there",
            hint=f"{folder} is a newsletter project already"
            if folder / FILE in in_the_way
            else "Choose an empty folder",
        )
    for path, data in wanted.items():
        write_whole(path, data, hint="Choose another folder")
    schemas = write_schemas(folder / SCHEMAS)
    load_keys(folder)
    return [*wanted, *schemas, folder / KEYS_FILE]


def update_schemas(project: Project) -> list[Path]:
    """Write the schemas for editors again, with the project's own block types, and return the files.

    Raises AuthoringError with what is wrong with the types.
    """
    types = block_types(project.template_folders[:-1], project.folder)
    if has_errors(types.problems):
        raise AuthoringError(types.problems)
    return write_schemas(project.folder / SCHEMAS, types.entries)


def _target(file: Path) -> Path:
    inside = file.relative_to(STARTER)
    return inside.with_name(_RENAMED.get(inside.name, inside.name))


def _ships(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
