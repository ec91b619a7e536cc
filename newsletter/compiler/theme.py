"""Theme: colours, type, sizes and spacing, frozen and checked. Made by `load_theme`; read by templates and checks.

A theme is YAML in `templates/themes/`. A project's file of the same name overrides single keys of the shipped one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from newsletter.authoring.contributors import read_picture
from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import ImagePath, Strict
from newsletter.authoring.files import read_yaml, shown
from newsletter.authoring.image import ImageFile
from newsletter.compiler.colour import contrast
from newsletter.compiler.setting import AsWritten, Colour, Fonts, Gap, LanguageKey, TypeSize
from newsletter.compiler.style import markdown_styles, typeface
from newsletter.problem import Place, Problem, Severity, has_errors
from newsletter.source import Node

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Palette(Strict):
    """The colours of one scheme."""

    paper: Colour
    """Behind everything."""
    ink: Colour
    """Text."""
    muted: Colour
    """Dates, bylines, credits, the footer."""
    accent: Colour
    """Links, and the filled button."""
    on_accent: Colour
    """The words on the button."""
    rule: Colour
    """Hairlines."""


class Typeface(Strict):
    """How the text of one script is set."""

    body: Fonts
    title: Fonts
    """Of titles and pull quotes."""
    line_height: Annotated[float, Field(ge=1, le=2.5), AsWritten]
    title_line_height: Annotated[float, Field(ge=1, le=2), AsWritten]
    emphasis: Literal["italic", "weight"]
    """How emphasis is shown: Han, Hangul, Arabic and Hebrew have no italics."""
    tracking: Annotated[float, Field(ge=0, le=0.3), AsWritten]
    """Letter-spacing of the newsletter's name, in em; such a name is set in capitals. 0 keeps it as it is written."""


class Sizes(Strict):
    """The only sizes of type."""

    meta: TypeSize
    button: TypeSize
    body: TypeSize
    title: TypeSize
    """Titles of articles, headings, pull quotes."""
    headline: TypeSize
    """The title of the issue."""
    headline_small: TypeSize
    """The same on a narrow screen."""


class Spacing(Strict):
    """The gaps between things."""

    side: Gap
    """Left and right of the column."""
    side_small: Gap
    """The same on a narrow screen."""
    paragraph: Gap
    block: Gap
    """Between two blocks."""
    article: Gap
    """Between two articles of a list."""
    section: Gap
    """Above a heading and above the footer."""


class LogoEntry(Strict):
    """The logo in the file of a theme."""

    image: ImagePath
    """An image beside the theme."""
    alt: str = ""
    width: Annotated[int, Field(ge=16, le=560)] = 120
    """Pixels, as shown."""


class ThemeEntry(Strict):
    """The settings of a theme."""

    width: Annotated[int, Field(ge=320, le=800)]
    corner: Annotated[int, Field(ge=0, le=24)]
    light: Palette
    dark: Palette
    sizes: Sizes
    spacing: Spacing
    typefaces: dict[LanguageKey, Typeface]
    logo: LogoEntry | None = None


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
    """The width of the email, in pixels."""
    corner: int
    """The radius of the button's corners, in pixels."""
    light: Palette
    dark: Palette
    sizes: Sizes
    spacing: Spacing
    typefaces: Mapping[str, Typeface]
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
    trees: dict[str, Node] = {}  # name of a file in problems → its settings; later ones over earlier ones
    folder_of: dict[str, tuple[Path, Path | None]] = {}  # the same name → the folders that `read_picture` wants
    problems: list[Problem] = []
    found = set()
    for stem in dict.fromkeys(("default", name)) if _NAME.fullmatch(name) else ("default",):
        for folder in reversed(folders):
            file, project = folder / "themes" / f"{stem}.yaml", None if folder is folders[-1] else root
            try:
                node, refused = read_yaml(file, project)
            except FileNotFoundError:
                continue
            found.add(stem)
            problems += refused
            if node is not None and not node.mapping:
                problems.append(node.problem("bad-theme", "a theme is a list of settings, such as `corner: 4`"))
            elif node is not None:
                trees[node.source.file] = node
                folder_of[node.source.file] = file.parent, project
    if name not in found:
        place = Place(shown(folders[0] / "themes" / f"{name}.yaml", root))
        problems.append(Problem("missing-theme", f"there is no theme {name!r}", place))
    theme = None
    if trees:
        tree = _with_whole_typefaces(reduce(_over, trees.values()))
        settings, refused = read_model(ThemeEntry, tree)
        problems += refused
        image, problem = _logo_image(tree, folder_of)
        problems += [problem] if problem else []
        if settings is not None and not has_errors(problems):
            logo = Logo(image, settings.logo.alt, settings.logo.width) if image and settings.logo else None
            theme = Theme(**(dict(settings) | {"name": name, "logo": logo}))
            problems += _faint(theme, tree, list(trees))
    return LoadedTheme(theme, tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.path))))


def _over(below: Node, above: Node) -> Node:
    """The settings of one file over those of another, key by key."""
    if not isinstance(below.value, Mapping) or not isinstance(above.value, Mapping):
        return above
    own = {
        key: _over(below.mapping[key], node) if key in below.mapping else node for key, node in above.mapping.items()
    }
    return replace(above, value={**below.mapping, **own})


def _with_whole_typefaces(tree: Node) -> Node:
    """The settings with each language's typeface completed from `default`."""
    faces = tree.mapping.get("typefaces")
    if faces is None or "default" not in faces.mapping:
        return tree
    whole = {tag: _over(faces.mapping["default"], face) for tag, face in sorted(faces.mapping.items())}
    return replace(tree, value={**tree.mapping, "typefaces": replace(faces, value=whole)})


def _logo_image(
    tree: Node, folder_of: Mapping[str, tuple[Path, Path | None]]
) -> tuple[ImageFile | None, Problem | None]:
    node = tree.mapping["logo"].mapping.get("image") if "logo" in tree.mapping else None
    return read_picture(node, *folder_of[node.source.file]) if node and node.text else (None, None)


def _faint(theme: Theme, tree: Node, files: Sequence[str]) -> Iterator[Problem]:
    """A warning for each pair of colours that many readers cannot tell apart (WCAG 2.2, 1.4.3 and 1.4.6)."""
    for scheme in ("light", "dark"):
        palette, nodes = getattr(theme, scheme), tree.mapping[scheme].mapping
        for front, back, least in (
            ("ink", "paper", 7), ("muted", "paper", 4.5), ("accent", "paper", 4.5), ("on_accent", "accent", 4.5),
        ):  # fmt: skip
            ratio = contrast(getattr(palette, front), getattr(palette, back))
            if ratio < least:
                message = f"{scheme}.{front} on {scheme}.{back} has a contrast of {ratio:.1f}; it needs {least}"
                # The colour of the later file made the pair faint: the shipped theme comes first.
                node = max((nodes[front], nodes[back]), key=lambda node: files.index(node.source.file))
                hint = "Take a darker or a lighter colour."
                yield node.problem("theme-contrast", message, hint=hint, severity=Severity.WARNING)
