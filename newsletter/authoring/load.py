"""load: issue.yaml and its translations → Issue, with contributors and images in place; or every problem at once."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from newsletter.authoring.assemble import assemble, send_plan
from newsletter.authoring.contributors import FILE as PEOPLE
from newsletter.authoring.contributors import Contributor, load_contributors, read_picture
from newsletter.authoring.fields.explain import MAX_PROBLEMS, read_model
from newsletter.authoring.fields.link_words import misleading_links
from newsletter.authoring.fields.values import ID
from newsletter.authoring.files import folders_above, legible, names_in, read_yaml, shown
from newsletter.authoring.image import ImageFile
from newsletter.authoring.issue import Content, Issue
from newsletter.authoring.persona import FILE as PERSONAS
from newsletter.authoring.persona import load_personas
from newsletter.authoring.project_blocks.load import BlockTypes
from newsletter.authoring.proofread import References, proofread, wordless_pictures
from newsletter.authoring.schema import DefaultsFile, IssueFile, issue_file
from newsletter.authoring.series import FILE as SERIES
from newsletter.authoring.series import FOLDER as SERIES_FOLDER
from newsletter.authoring.short.defaults import FILE as DEFAULTS
from newsletter.authoring.short.defaults import Defaults, file_for, load_defaults, may_be_defaults, supplied
from newsletter.authoring.short.shorthand import written_out
from newsletter.authoring.short.snippets import Snippets, may_be_snippet
from newsletter.authoring.translation import repeated_ids, translate
from newsletter.language import language_tag
from newsletter.problem import Place, Problem, Severity, has_errors
from newsletter.source import Node, parse_source, quoted

NAME = "issue.yaml"
SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SLUG_HINT = "Use ASCII letters, digits, dots, - and _, as in 2024-01-25-new-frontiers."
_TRANSLATION = re.compile(r"(?P<stem>.+)\.(?P<tag>[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*)\.yaml")

_MISNAMED = re.compile(
    r"(?i)(?:(?P<known>issue|people|personas|defaults)(?P<language>(?<=issue|aults)\.[a-z0-9_-]+)?\.ya?ml(?:\.txt)?"
    r"|(?P<other>.+)\.yml)"
)
_DATED = re.compile(r"\d{4}-\d")
_WRITTEN = re.compile(r"(?i)\.(?:ya?ml|md|markdown|txt|docx?|odt|rtf|html?)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One issue as read. `issue` is None when there are errors; there may be warnings beside an issue."""

    issue: Issue | None
    problems: tuple[Problem, ...]
    files: Mapping[str, Node]
    """What was written in each language, as far as that is YAML; the key is empty when the issue's is not known."""
    schema: type[IssueFile] = IssueFile
    """The model that they were read by."""


def find_issues(paths: Iterable[Path], *, root: Path) -> list[Path]:
    """The issue files among these files and folders, sorted; a translation means its issue.

    Files with other names are skipped. A folder that is a link, or cannot be read, is listed as an issue, for which
    `load_issue` gives the reason.
    """
    return sorted({issue for path in paths for issue in (_in_folder(path, root) if path.is_dir() else _of_file(path))})


def may_be_issue(file: Path) -> bool:
    """Whether an issue or a translation can have this name: contributors, personas, defaults and pictures may lie
    beside them, and snippets are no issues."""
    is_series = file.name == SERIES and file.parent.parent.name == SERIES_FOLDER
    others = file.name in (PEOPLE, PERSONAS) or is_series or may_be_defaults(file) or may_be_snippet(file)
    return file.suffix == ".yaml" and not others


def load_issue(
    file: Path,
    *,
    root: Path,
    looks: Mapping[str, Sequence[str]] | None = None,
    types: BlockTypes | None = None,
) -> Loaded:
    """Read one issue with its translations. Places are shown relative to `root` when the file lies inside it.

    `looks`: `theme` and `layout` → the names an issue may choose from; without it any will do. `types`: the block types
    of the project.
    """
    types = types or BlockTypes()
    reading = _Reading(file, root, looks or {}, issue_file(types.entries), [*types.problems], Snippets(root))
    contents, entry = reading.contents()
    problems = tuple(
        dict.fromkeys(sorted([*reading.problems, *reading.snippets.problems], key=lambda problem: problem.place))
    )
    if entry is None or has_errors(problems):
        return Loaded(None, problems, reading.files, reading.schema)
    issue = Issue(
        slug=slug_of(file),
        file=file,
        language=entry.language,
        contents=contents,
        send=send_plan(entry.send, entry.sent),
    )
    return Loaded(issue, problems, reading.files, reading.schema)


def load_snippet(file: Path, language: str, *, root: Path, issues: Path, types: BlockTypes | None = None) -> Loaded:
    """Read a snippet as an issue in the folder `issues` would include it, for its problems; it is no issue.

    `language` is that of a snippet whose name has none.
    """
    types = types or BlockTypes()
    name, _, ending = file.name.removesuffix(".yaml").partition(".")
    where = Place(shown(file, root))
    if not re.fullmatch(ID, name) or (ending and language_tag(ending) is None):
        hint = "A snippet is called name.yaml or name.<language>.yaml, with letters, digits, - and _ in its name."
        return Loaded(None, (Problem("bad-name", "this is not the name of a snippet", where, hint=hint),), {})
    reading = _Reading(issues / NAME, root, {}, issue_file(types.entries), [*types.problems], Snippets(root))
    including, _ = parse_source(f"blocks:\n  - snippet: {quoted(name)}\n".encode(), "")
    assert including is not None
    tree, _ = reading.snippets.include(including, ending)
    references = reading.references()
    reading.problems += islice(proofread(tree, references, reading.schema), MAX_PROBLEMS)
    reading.problems += islice(wordless_pictures(tree, reading.schema), MAX_PROBLEMS)
    reading.problems += islice(misleading_links(tree, reading.schema), MAX_PROBLEMS)
    reading.problems += islice(repeated_ids(tree), MAX_PROBLEMS)
    reading.model(tree)
    found = [one for one in (*reading.snippets.problems, *reading.problems) if one.place.file]  # not of `including`
    return Loaded(None, tuple(dict.fromkeys(found)), {language_tag(ending) or language: tree}, reading.schema)


def slug_of(file: Path) -> str:
    """The name an issue has in the ledger: its folder's, or its file's where it has no folder of its own."""
    return legible(file.parent.resolve().name if file.name == NAME else file.stem)


def misnamed_files(folders: Iterable[Path], *, root: Path) -> Iterator[Problem]:
    """Files in and below these folders that are not read because of their names, and folders whose issue has no file.

    A folder of pictures is none, unless it is called by a date, as issues are.
    """
    waiting = [*folders]
    while waiting:
        folder = waiting.pop()
        try:
            names = names_in(folder, root)
        except OSError:  # `load_issue` gives the reason
            continue
        below = [] if NAME in names else [folder / name for name in names if (folder / name).is_dir()]
        waiting += reversed(below)
        found = [problem for name in names if (problem := misnamed(folder / name, root=root))]
        yield from found
        if NAME in names:
            yield from _strays(folder, names, root)
        is_alone = not below and not any(may_be_issue(folder / name) for name in names)
        looks_meant = _DATED.match(folder.name) or any(_WRITTEN.search(name) for name in names)
        if names and is_alone and looks_meant and not found and folder != root:
            where, hint = Place(shown(folder, root)), f"Call the file with the issue {NAME}."
            yield Problem("folder-without-issue", f"this folder holds no {NAME}", where, Severity.WARNING, hint=hint)


def _strays(folder: Path, names: Iterable[str], root: Path) -> Iterator[Problem]:
    """Files of an issue's folder that look like a translation, and are none by their names: issue_de.yaml, de.yaml."""
    for name in names:
        stem = name.removesuffix(".yaml")
        if stem == name or stem.startswith("issue.") or not may_be_issue(folder / name) or name == NAME:
            continue
        tag = language_tag(re.sub(r"(?i)\Aissue[ _-]*", "", stem))
        called = f"issue.{tag}.yaml" if tag else "issue.<language>.yaml"
        message, where = "this file is not read: it is no translation by its name", Place(shown(folder / name, root))
        yield Problem("misnamed-file", message, where, Severity.WARNING, hint=f"A translation is called {called}.")


def misnamed(file: Path, *, root: Path) -> Problem | None:
    """The problem of a file that is not read, because its name is nearly one that is."""
    match = _MISNAMED.fullmatch(file.name)
    if match is None or file.is_dir():
        return None
    known, language, other = match["known"], match["language"] or "", match["other"]
    if language and known.lower() == DEFAULTS.removesuffix(".yaml") and (tag := language_tag(language[1:])):
        language = f".{tag}"  # the one spelling that is looked for
    name = f"{known.lower()}{language}.yaml" if known else f"{other}.yaml"
    if name == file.name:
        return None
    severity = Severity.ERROR if known else Severity.WARNING
    message = f"this file is not read: it must be called {name}"
    return Problem("misnamed-file", message, Place(shown(file, root)), severity, hint="Rename it.")


@dataclass
class _Reading:
    """The reading of one issue, with what was found so far."""

    file: Path
    root: Path
    looks: Mapping[str, Sequence[str]]
    schema: type[IssueFile]
    problems: list[Problem]
    snippets: Snippets
    images: dict[str, ImageFile] = field(default_factory=dict)
    contributors: Mapping[str, Contributor] = field(default_factory=dict)
    files: dict[str, Node] = field(default_factory=dict)
    beside: dict[str, Path] = field(default_factory=dict)
    """Files of defaults that were read, by their names in problems."""

    def contents(self) -> tuple[dict[str, Content], IssueFile | None]:
        """Every language of the issue; complete only if no problem is an error."""
        written = self.tree(self.file)
        self.check_slug()
        if written is None:
            return {}, None
        references = self.references()
        everywhere = self.defaults(DEFAULTS, references)
        original = self.language_of(written, everywhere)
        tree, _ = self.snippets.include(written, original or "")
        twice = list(islice(repeated_ids(tree), MAX_PROBLEMS))
        self.problems += [*islice(proofread(tree, references, self.schema), MAX_PROBLEMS), *twice]
        for_language = self.defaults(file_for(original), references) if original else None
        written, tree = (supplied(supplied(one, for_language), everywhere) for one in (written, tree))
        self.problems += islice(wordless_pictures(tree, self.schema), MAX_PROBLEMS)
        self.problems += islice(misleading_links(tree, self.schema), MAX_PROBLEMS)
        entry = self.model(tree)
        trees = {original or "": (tree, entry)}
        self.files[original or ""] = tree
        for tag, file in self.translations(original or ""):
            translated = self.tree(file)
            if translated is None:
                continue
            translated = self.snippets.left_out(translated, written)
            whole, theirs = self.snippets.include(written, tag)
            self.files[tag] = _with_blocks(translated, theirs)
            self.problems += islice(proofread(self.files[tag], references, self.schema), MAX_PROBLEMS)
            for_language = self.defaults(file_for(tag), references)
            translated, self.files[tag] = (supplied(one, for_language) for one in (translated, self.files[tag]))
            self.check_language(tag, translated)
            if not twice:  # else it is not known which of the two a translation means
                merged, problems = translate(whole, translated, self.schema, theirs)
                if entry is None or has_errors(self.snippets.problems):  # what it is to match is not whole
                    problems = tuple(one for one in problems if one.id != "missing-id")
                self.problems += [
                    *problems[:MAX_PROBLEMS],
                    *islice(wordless_pictures(merged, self.schema), MAX_PROBLEMS),
                ]
                self.problems += islice(misleading_links(merged, self.schema), MAX_PROBLEMS)
                trees[tag] = (merged, self.model(merged, translated))
        if entry is None or has_errors([*self.problems, *self.snippets.problems]):
            return {}, None
        contents = {}
        for tag, (merged, model) in trees.items():
            assert model is not None  # else there were errors
            assembly = (tag, entry.language, self.contributors, self.images.__getitem__)
            contents[tag] = assemble(model, merged, *assembly)
            if model.fallback != "allow":
                self.problems += self.untranslated(contents[tag], entry.language)
        return contents, entry

    def untranslated(self, content: Content, original: str) -> Iterator[Problem]:
        for author in content.authors:
            if author.id and (problem := self.contributors[author.id].untranslated(content.language, original)):
                yield problem

    def model(self, tree: Node, written: Node | None = None) -> IssueFile | None:
        """A tree as the schema understands it. Of a merged one only what the translation has `written` can be new."""
        entry, problems = read_model(self.schema, tree)
        file = (written or tree).source.file
        self.problems += [problem for problem in problems if problem.place.file in (file, *self.snippets.files)]
        return entry

    def defaults(self, name: str, references: References) -> Defaults | None:
        """The defaults in the nearest file of a name, with everything wrong with it among the problems."""
        file = self.nearest(name)
        if file is None:
            return None
        found = load_defaults(file, self.root)
        self.problems += found.problems
        if found.tree is not None:
            self.beside[found.tree.source.file] = file
            self.problems += islice(proofread(found.tree, references, DefaultsFile), MAX_PROBLEMS)
        return found

    def language_of(self, tree: Node, defaults: Defaults | None) -> str | None:
        """The language of the issue itself."""
        node = tree.mapping.get("language") or (defaults.values.get("language") if defaults else None)
        return language_tag(node.text) if node else None

    def tree(self, file: Path) -> Node | None:
        try:
            tree, problems = read_yaml(file, self.root)
        except FileNotFoundError:
            hint = "An issue is <slug>/issue.yaml; translations alone make none."
            self.complain("missing-file", "there is no such file", file, hint)
            return None
        self.problems += problems
        return written_out(tree) if tree else None

    def references(self) -> References:
        """Contributors, personas and images that the issue may refer to."""
        if contributors := self.nearest(PEOPLE):
            self.contributors, problems = load_contributors(contributors, self.root)
            self.problems += problems
        personas = self.nearest(PERSONAS)
        attributes: set[str] = set()
        if personas is not None:
            found, _ = load_personas(personas, root=self.root)
            attributes = {name for persona in found for name in persona.attributes}
        return References(self.contributors, frozenset(attributes), self.picture, self.looks)

    def picture(self, node: Node) -> Problem | None:
        """Read an image, once for all places that show it."""
        included = {**self.snippets.files, **self.beside}
        name, folder = node.text.strip(), included.get(node.source.file, self.file).parent
        if name in self.images:
            other = self.images[name].file
            if other.is_relative_to(folder) or not (folder / name).exists():
                return None
            message = f"{shown(other, self.root)} has this name too, and the issue shows both"
            return node.problem("bad-image", message, hint="Rename one of them.")
        image, problem = read_picture(node, folder, self.root)
        if image is not None:
            self.images[name] = image
        return problem

    def nearest(self, name: str) -> Path | None:
        """A file beside the issue, or in the nearest folder above, up to the project's."""
        there = (folder / name for folder in folders_above(self.file, self.root))
        return next((file for file in there if os.path.lexists(file)), None)

    def translations(self, original: str) -> Iterator[tuple[str, Path]]:
        stem, seen = self.file.stem, {original}
        for name in names_in(self.file.parent, self.root):
            file, written = self.file.with_name(name), name[len(stem) + 1 : -len(".yaml")]
            if not (name.startswith(f"{stem}.") and name.endswith(".yaml") and written):
                continue
            tag = language_tag(written)
            if tag is None:
                if self.file.name == NAME:
                    hint = "A translation is called issue.<language>.yaml, as in issue.zh.yaml or issue.pt-BR.yaml."
                    self.complain("bad-language", f"{written!r} is not a language", file, hint)
            elif tag in seen:
                self.complain(
                    "duplicate-language", f"the issue is already written in {tag}", file, "Delete one of them."
                )
            else:
                seen.add(tag)
                yield tag, file

    def check_language(self, tag: str, translated: Node) -> None:
        """A translation may repeat its language; it must be that of its name."""
        node = translated.mapping.get("language")
        if node is not None and language_tag(node.text) not in (tag, None):
            message = f"the language in the name of the file is {tag}, not {node.text}"
            self.problems.append(node.problem("wrong-language", message, hint="Delete this line."))

    def check_slug(self) -> None:
        """The ledger and links hold the slug."""
        if not SLUG.fullmatch(slug_of(self.file)):
            what = "folder" if self.file.name == NAME else "file"
            self.complain("bad-slug", f"the {what} is called {slug_of(self.file)!r}", self.file, SLUG_HINT)

    def complain(self, rule: str, message: str, file: Path, hint: str) -> None:
        self.problems.append(Problem(rule, message, Place(shown(file, self.root)), hint=hint))


def _with_blocks(tree: Node, more: Sequence[Node]) -> Node:
    """A tree with further blocks."""
    if not more:
        return tree
    blocks = tree.mapping.get("blocks", more[0])
    return replace(tree, value={**tree.mapping, "blocks": replace(blocks, value=(*blocks.items, *more))})


def _of_file(path: Path) -> Iterator[Path]:
    """The issue that a file belongs to, if any: itself, or what it translates."""
    match = _TRANSLATION.fullmatch(path.name)
    original = path.with_name(f"{match['stem']}.yaml") if match else path
    if may_be_issue(path):
        yield original if original.exists() or original.name == NAME else path


def _in_folder(start: Path, root: Path) -> Iterator[Path]:
    """The issues in a folder: its own issue.yaml, else every <slug>.yaml in it and what its folders hold."""
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        try:
            names = names_in(folder, root)
        except OSError:
            yield folder / NAME
            continue
        if any(fnmatchcase(name, "issue.*yaml") for name in names):
            yield folder / NAME
            continue
        for path in (folder / name for name in names):
            if path.is_dir():
                waiting.append(path)
            else:
                yield from _of_file(path)
