"""Theme: colours, type, sizes, spacing and structure, frozen and checked. Made by `load_theme`; read by templates.

A theme is YAML in `templates/themes/`. It may name another theme as its `base` and give only what differs; a project's
file of the same name overrides single keys of the shipped one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from newsletter.authoring.blocks.highlights import HighlightStyle
from newsletter.authoring.contributors import read_picture
from newsletter.authoring.fields.explain import read_model
from newsletter.authoring.fields.values import Id, ImagePath, Strict
from newsletter.authoring.files import read_yaml, shown
from newsletter.authoring.image import ImageFile
from newsletter.compiler.colour import contrast
from newsletter.compiler.setting import AsWritten, Colour, Fonts, Gap, LanguageKey, TypeSize
from newsletter.compiler.style import markdown_styles, typeface
from newsletter.problem import Place, Problem, Severity, has_errors
from newsletter.source import Node

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BASIC = "digest"
"""The one theme without a base: it has every setting."""


class Palette(Strict):
    """The colours of one scheme."""

    canvas: Colour
    """Around the email; with `frame: card` also behind the masthead and the footer."""
    surface: Colour
    """Behind the text."""
    tint: Colour
    """Behind code, callouts and numbers, and where a picture is missing."""
    ink: Colour
    """Text."""
    muted: Colour
    """Dates, bylines, credits, the footer."""
    accent: Colour
    """Links, bars, and the filled button."""
    on_accent: Colour
    """The words on the button."""
    rule: Colour
    """Hairlines."""
    band: Colour
    """Behind a masthead that is a band or a cover."""
    on_band: Colour
    """The words on it."""


class Typeface(Strict):
    """How the text of one script is set."""

    body: Fonts
    title: Fonts
    """Of titles and pull quotes: the display face."""
    title_weight: Literal[400, 700]
    """Of the issue's title and the headings; titles of articles are always bold."""
    line_height: Annotated[float, Field(ge=1, le=2.5), AsWritten]
    title_line_height: Annotated[float, Field(ge=1, le=2), AsWritten]
    emphasis: Literal["italic", "weight"]
    """How emphasis is shown: Han, Hangul, Arabic and Hebrew have no italics."""
    tracking: Annotated[float, Field(ge=0, le=0.3), AsWritten]
    """Letter-spacing of labels above titles, in em; they are set in capitals. 0 keeps them as they are written."""


class Sizes(Strict):
    """The only sizes of type."""

    meta: TypeSize
    button: TypeSize
    body: TypeSize
    title: TypeSize
    """Titles of articles, the newsletter's name, pull quotes."""
    section: TypeSize
    """Headings."""
    lead: TypeSize
    """The title of a lead article."""
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


class Structure(Strict):
    """How the parts are built. Each choice is a branch of a template; the words are the same in all."""

    frame: Literal["page", "card"]
    """Whether masthead and footer stand on the surface or, outside the card, on the canvas."""
    masthead: Literal["plain", "ruled", "band", "cover"]
    """The name alone; between rules; on a coloured band; on a band together with the issue's title."""
    hero: Literal["inset", "edge"]
    """The picture at the top: as wide as the text, or from edge to edge."""
    heading: Literal["plain", "hairline", "strong", "bar"]
    """What stands above a heading: nothing, a hairline, a strong rule, a bar in the accent colour."""
    highlights: HighlightStyle
    """How articles are shown where the block does not say."""
    label: Literal["meta", "kicker"]
    """The label of an article: in the line of its author, or above its title."""
    signature: Literal["plain", "large"]
    """Who signs: in bold, or written large."""
    ratio: Literal["1:1", "4:3", "3:2", "16:9"]
    """Width to height of the pictures of articles."""


class LogoEntry(Strict):
    """The logo in the file of a theme."""

    image: ImagePath
    """An image beside the theme."""
    alt: str = ""
    width: Annotated[int, Field(ge=16, le=560)] = 120
    """Pixels, as shown."""
    dark: ImagePath | None = None
    """An image beside the theme that replaces it in the dark palette; default: the logo itself on a light plate."""


class ThemeEntry(Strict):
    """The settings of a theme."""

    base: Id | None = None
    """The theme that this one changes; default: the theme `default`."""
    width: Annotated[int, Field(ge=320, le=800)]
    radius: Annotated[int, Field(ge=0, le=24)]
    light: Palette
    dark: Palette
    sizes: Sizes
    spacing: Spacing
    structure: Structure
    typefaces: dict[LanguageKey, Typeface]
    logo: LogoEntry | None = None


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture in place of the newsletter's name."""

    image: ImageFile
    alt: str
    width: int
    """Pixels, as shown."""
    dark: ImageFile | None = None
    """What replaces it in the dark palette."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """How an edition looks. Two themes with equal fields look the same."""

    name: str
    width: int
    """The width of the email, in pixels."""
    radius: int
    """Of the corners of the button and of small pictures, in pixels."""
    light: Palette
    dark: Palette
    sizes: Sizes
    spacing: Spacing
    structure: Structure
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
    """Read `themes/<name>.yaml` from template folders, the first of which wins key by key, over the theme below it.

    Places are shown relative to `root`. A theme with an error is no theme: all its problems are returned. The last
    folder is the program's.
    """
    layers, problems = _layers(name, folders, root)
    theme = None
    if layers:
        tree = _with_whole_typefaces(reduce(_over, [layer.node for layer in layers]))
        settings, refused = read_model(ThemeEntry, tree)
        problems += refused
        (image, problem), (dark, other) = (_logo_image(key, tree, layers) for key in ("image", "dark"))
        problems += [one for one in (problem, other) if one]
        if settings is not None and not has_errors(problems):
            logo = Logo(image, settings.logo.alt, settings.logo.width, dark) if image and settings.logo else None
            given = {key: value for key, value in settings if key != "base"}
            theme = Theme(**(given | {"name": name, "logo": logo}))
            problems += _faint(theme, tree, [layer.node.source.file for layer in layers])
    return LoadedTheme(theme, tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.path))))


@dataclass(frozen=True, slots=True)
class _Layer:
    """One file of a theme."""

    node: Node
    folder: Path
    project: Path | None
    """The root that its files must not leave; None for the program's own."""


def _layers(name: str, folders: Sequence[Path], root: Path) -> tuple[list[_Layer], list[Problem]]:
    """The files of a theme and of those below it, the lowest first: each lies over those before it."""
    layers: list[_Layer] = []
    problems: list[Problem] = []
    seen: list[str] = []
    base: Node | None = None
    while name not in seen:
        seen.append(name)
        found, told = _files(name, folders, root)
        problems += told
        if not found and not told and (base is not None or len(seen) == 1):
            place = base.place if base else Place(shown(folders[0] / "themes" / f"{name}.yaml", root))
            problems.append(Problem("missing-theme", f"there is no theme {name!r}", place))
        layers = found + layers
        named = [layer.node.mapping["base"] for layer in found if "base" in layer.node.mapping]
        base = named[-1] if named and named[-1].text else None
        name = base.text if base else _BASIC if {"default", _BASIC} & set(seen) else "default"
    if base is not None:
        hint = "Name another theme, or leave `base` out."
        problems.append(base.problem("bad-theme", f"the theme {name!r} is itself based on this one", hint=hint))
        layers.clear()  # what is missing in them is no news then
    return layers, problems


def _files(name: str, folders: Sequence[Path], root: Path) -> tuple[list[_Layer], list[Problem]]:
    """The files of one name, the program's first."""
    layers: list[_Layer] = []
    problems: list[Problem] = []
    for folder in reversed(folders) if _NAME.fullmatch(name) else ():
        file, project = folder / "themes" / f"{name}.yaml", None if folder is folders[-1] else root
        try:
            node, refused = read_yaml(file, project)
        except FileNotFoundError:
            continue
        problems += refused
        if node is not None and node.mapping:
            layers.append(_Layer(node, file.parent, project))
        elif node is not None:
            problems.append(node.problem("bad-theme", "a theme is a list of settings, such as `radius: 4`"))
    return layers, problems


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


def _logo_image(key: str, tree: Node, layers: Sequence[_Layer]) -> tuple[ImageFile | None, Problem | None]:
    node = tree.mapping["logo"].mapping.get(key) if "logo" in tree.mapping else None
    if node is None or not node.text:
        return None, None
    layer = next(layer for layer in layers if layer.node.source.file == node.source.file)
    return read_picture(node, layer.folder, layer.project)


def _faint(theme: Theme, tree: Node, files: Sequence[str]) -> Iterator[Problem]:
    """A warning for each pair of colours that many readers cannot tell apart (WCAG 2.2, 1.4.3 and 1.4.6)."""
    under = ["surface", "tint", *(["canvas"] if theme.structure.frame == "card" else [])]
    pairs = [("ink", under, 7), ("muted", under, 4.5), ("accent", under[:2], 4.5), ("on_accent", ["accent"], 4.5)]
    if theme.structure.masthead in ("band", "cover"):
        pairs.append(("on_band", ["band"], 7 if theme.structure.masthead == "cover" else 4.5))
    for scheme in ("light", "dark"):
        palette, nodes = getattr(theme, scheme), tree.mapping[scheme].mapping
        for front, backs, least in pairs:
            back = min(backs, key=lambda back: contrast(getattr(palette, front), getattr(palette, back)))
            ratio = contrast(getattr(palette, front), getattr(palette, back))
            if ratio < least:
                message = f"{scheme}.{front} on {scheme}.{back} has a contrast of {ratio:.1f}; it needs {least}"
                # The colour of the later file made the pair faint: the shipped theme comes first.
                node = max((nodes[front], nodes[back]), key=lambda node: files.index(node.source.file))
                hint = "Take a darker or a lighter colour."
                yield node.problem("theme-contrast", message, hint=hint, severity=Severity.WARNING)
