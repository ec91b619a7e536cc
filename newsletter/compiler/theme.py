"""Theme: colours, type, sizes and spacing, frozen and checked. Made by `load_theme`; read by templates and checks.

A theme is YAML in `templates/themes/`. A project's file of the same name overrides single keys of the shipped one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from newsletter.authoring.files import read_yaml, shown
from newsletter.authoring.image import ImageFile, image_beside
from newsletter.compiler.colour import contrast
from newsletter.compiler.setting import KNOWN, REQUIRED, check_of
from newsletter.compiler.style import markdown_styles, typeface
from newsletter.problem import Place, Problem, Severity, has_errors
from newsletter.source import Node, near_miss

_Group = TypeVar("_Group", "Palette", "Sizes", "Spacing")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one scheme, each `#rrggbb`."""

    paper: str
    """Behind everything."""
    ink: str
    """Text."""
    muted: str
    """Dates, bylines, credits, the footer."""
    accent: str
    """Links, and the filled button."""
    on_accent: str
    """The words on the button."""
    rule: str
    """Hairlines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typeface:
    """How the text of one script is set."""

    body: str
    """Font stack of text, as CSS wants it."""
    title: str
    """Font stack of titles and pull quotes."""
    line_height: float
    title_line_height: float
    emphasis: Literal["italic", "weight"]
    """How emphasis is shown: Han, Hangul, Arabic and Hebrew have no italics."""
    tracking: float
    """Letter-spacing of the newsletter's name, in em; such a name is set in capitals. 0 leaves it as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The only sizes of type, in pixels."""

    meta: int
    button: int
    body: int
    title: int
    """Titles of articles, headings, pull quotes."""
    headline: int
    """The title of the issue."""
    headline_small: int
    """The same on a narrow screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """The gaps between things, in pixels, each a multiple of 4."""

    side: int
    """Left and right of the column."""
    side_small: int
    """The same on a narrow screen."""
    paragraph: int
    block: int
    """Between two blocks."""
    article: int
    """Between two articles of a list."""
    section: int
    """Above a heading and above the footer."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture in place of the newsletter's name."""

    image: ImageFile
    alt: str
    width: int
    """Pixels, as shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """How an edition looks. Two themes with equal fields look the same."""

    name: str
    width: int
    """The width of the mail, in pixels."""
    corner: int
    """The radius of the button's corners, in pixels."""
    light: Palette
    dark: Palette
    sizes: Sizes
    spacing: Spacing
    typefaces: Mapping[str, Typeface] = field(repr=False)
    """BCP 47 tag → typeface; `default` serves every language that has none."""
    logo: Logo | None = None

    @property
    def column(self) -> int:
        """The width of the text column, in pixels."""
        return self.width - 2 * self.spacing.side

    def typeface(self, language: str) -> Typeface:
        """How a language is set: by the typeface that serves it best, or as any."""
        return typeface(self, language)

    def markdown_styles(self, language: str) -> Mapping[str, str]:
        """Tag → inline style for the HTML made of Markdown; `p_last` for the last paragraph of a text."""
        return markdown_styles(self, language)


@dataclass(frozen=True, slots=True)
class LoadedTheme:
    """A theme, or None when there is none that could be used; and what is wrong with it."""

    theme: Theme | None
    problems: tuple[Problem, ...]


def load_theme(name: str, folders: Sequence[Path], *, root: Path) -> LoadedTheme:
    """Read `themes/<name>.yaml` from template folders, the first of which wins key by key, over the theme `default`.

    Places are shown relative to `root`. A theme with an error is no theme: all its problems are returned. The last
    folder is the program's.
    """
    stems = dict.fromkeys(("default", name)) if _NAME.fullmatch(name) else ("default",)
    settings = _Settings(root)
    found = set()
    for stem in stems:
        for folder in reversed(folders):
            try:
                settings.add(folder / "themes" / f"{stem}.yaml", None if folder is folders[-1] else root)
                found.add(stem)
            except FileNotFoundError:
                continue
    if name not in found:
        place = Place(shown(folders[0] / "themes" / f"{name}.yaml", root))
        settings.problems.append(Problem("missing-theme", f"there is no theme {name!r}", place))
    theme = settings.build(name)
    problems = dict.fromkeys(settings.problems)
    return LoadedTheme(theme, tuple(sorted(problems, key=lambda p: (p.place, p.path))))


class _Settings:
    """The settings of all files, later ones over earlier ones, each with the place where it was written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._nodes: dict[str, Node] = {}
        self._folders: dict[str, tuple[Path, Path | None]] = {}
        """Name of a file in problems → its folder and the project's, for pictures beside it."""
        self.problems: list[Problem] = []

    def add(self, file: Path, root: Path | None) -> None:
        node, problems = read_yaml(file, root)
        if node is not None:
            self._folders[node.source.file] = file.parent, root
        self.problems += problems
        if node is not None and not node.mapping:
            self.problems.append(node.problem("bad-theme", "a theme is a list of settings, such as `corner: 4`"))
        elif node is not None:
            self._nodes |= {leaf.path: leaf for leaf in _leaves(node)}

    def build(self, name: str) -> Theme | None:
        """The theme; None when something is wrong with it."""
        values = {path: value for path, value in map(self._judge, self._nodes) if value is not None}
        tags = {path.split(".")[1] for path in values if path.startswith("typefaces.")} | {"default"}
        fallback = {path.rsplit(".", 1)[1]: v for path, v in values.items() if path.startswith("typefaces.default.")}
        for path in REQUIRED - values.keys() - self._nodes.keys():
            place = Place("templates/themes/default.yaml")
            self.problems.append(Problem("missing-setting", f"the theme lacks {path}", place, path=path))
        logo = self._logo(values)
        if has_errors(self.problems):
            return None

        def group(kind: type[_Group], prefix: str) -> _Group:
            return kind(**{f.name: values[f"{prefix}.{f.name}"] for f in fields(kind)})

        def face(tag: str) -> Typeface:
            own = {f.name: values.get(f"typefaces.{tag}.{f.name}", fallback[f.name]) for f in fields(Typeface)}
            return Typeface(**own)

        theme = Theme(
            name=name,
            width=values["width"],
            corner=values["corner"],
            light=group(Palette, "light"),
            dark=group(Palette, "dark"),
            sizes=group(Sizes, "sizes"),
            spacing=group(Spacing, "spacing"),
            typefaces={tag: face(tag) for tag in sorted(tags)},
            logo=logo,
        )
        self.problems += self._faint(theme)
        return theme

    def _judge(self, path: str) -> tuple[str, Any]:
        """A setting and its value, None when it is not one (and a problem tells why)."""
        node = self._nodes[path]
        check = check_of(path)
        if check is None:
            groups = sorted({known.split(".")[-1] for known in KNOWN if known.startswith(f"{path}.")})
            hint = f"It holds settings of its own: {', '.join(groups)}." if groups else near_miss(path, KNOWN)
            self.problems.append(
                node.problem("unknown-key", f"there is no setting {path!r}", at=node.key_place, hint=hint)
            )
            return path, None
        try:
            return path, check(node.plain())
        except ValueError as error:
            hint = "YAML takes # for a comment unless it stands in quotes." if node.value is None else ""
            self.problems.append(node.problem("bad-value", f"{path} {error}", hint=hint))
            return path, None

    def _logo(self, values: Mapping[str, Any]) -> Logo | None:
        if "logo.image" not in values:
            return None
        node = self._nodes["logo.image"]
        try:
            folder, root = self._folders[node.source.file]
            image = image_beside(folder, values["logo.image"], root)
        except (OSError, ValueError) as error:
            message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.problems.append(node.problem("bad-image", f"cannot show {values['logo.image']}: {message}"))
            return None
        return Logo(image, values.get("logo.alt", ""), values.get("logo.width", 120))

    def _faint(self, theme: Theme) -> Iterator[Problem]:
        """A warning for each pair of colours that many people cannot read (WCAG 2.2, 1.4.3 and 1.4.6)."""
        for scheme in ("light", "dark"):
            palette = getattr(theme, scheme)
            for front, back, least in (
                ("ink", "paper", 7), ("muted", "paper", 4.5), ("accent", "paper", 4.5), ("on_accent", "accent", 4.5),
            ):  # fmt: skip
                ratio = contrast(getattr(palette, front), getattr(palette, back))
                if ratio < least:
                    message = f"{scheme}.{front} on {scheme}.{back} has a contrast of {ratio:.1f}; it needs {least}"
                    nodes = (self._nodes[f"{scheme}.{name}"] for name in (front, back))
                    read = list(self._folders)  # the shipped theme first: what was written over it made the pair faint
                    node = max(nodes, key=lambda node: read.index(node.source.file))
                    hint = "Take a darker or a lighter colour."
                    yield node.problem("theme-contrast", message, hint=hint, severity=Severity.WARNING)


def _leaves(node: Node) -> Iterator[Node]:
    if not node.mapping:
        yield node
    for child in node.mapping.values():
        yield from _leaves(child)
