"""translation: an issue and one of its translations, both as trees → the tree of the issue in that language.

Top-level fields are matched by name, blocks and articles by id or, where as many of the same kinds are in both files,
by position. Every value keeps the place where it was written, so the merged tree is read by the same models and its
problems point into the right file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from newsletter.authoring.fields.explain import MAX_PROBLEMS
from newsletter.authoring.fields.shape import Shape, shape_of, walk
from newsletter.authoring.fields.values import Translation
from newsletter.authoring.schema import IssueFile
from newsletter.problem import Problem, Severity
from newsletter.source import Node, near_miss, shortened

_SEVERITY = {Translation.REQUIRED: Severity.ERROR, Translation.EXPECTED: Severity.WARNING}
"""Of a text that a translation does not have, by the mark of its type."""


@dataclass
class _Merge:
    """The merging of one translation into its issue."""

    allow: bool
    """Whether what is missing may be shown in the language of the issue."""
    settled: Sequence[Node] = ()
    """Items of the original that are in the language already."""
    problems: list[Problem] = field(default_factory=list)

    def mapping(self, original: Node, translated: Node, where: Node, shape: Shape) -> Node:
        """`where` is the nearest thing that the translation does have: for problems about what it lacks."""
        known = shape.fields(original)
        merged: dict[str, Node] = {}
        for key, value in original.mapping.items():
            theirs, inner = translated.mapping.get(key), known.get(key, Shape())
            if theirs is None:
                self.missing(value, where, inner)
            merged[key] = value if theirs is None else self.value(key, value, theirs, inner)
        for key, theirs in translated.mapping.items():
            if known.get(key, Shape()).translation is Translation.SAME:
                self.same(key, original, theirs)
            merged.setdefault(key, theirs)
        return replace(original, value=merged)

    def same(self, key: str, original: Node, translated: Node) -> None:
        """What has one value for all languages may be repeated, not changed."""
        if key not in original.mapping or translated.plain() != original.mapping[key].plain():
            hint = f"Delete it here, or change it in {original.source.file}."
            message = f"{key!r} is the same in every language of an issue"
            self.problems.append(translated.problem("misplaced-key", message, at=translated.key_place, hint=hint))

    def value(self, key: str, original: Node, translated: Node, shape: Shape) -> Node:
        if shape.has_ids and original.items:
            return self.items(original, translated, shape) if isinstance(translated.value, tuple) else translated
        if original.mapping and translated.mapping:
            return self.mapping(original, translated, translated, shape)
        if key == "publication" and original.mapping and translated.text:
            return replace(original, value={**original.mapping, "name": translated})  # the link stays
        return translated

    def items(self, original: Node, translated: Node, shape: Shape) -> Node:
        """A list whose items have ids; the order is the original's."""
        theirs, inner = self.items_by_id(original, translated), shape.item(original)
        placed, mismatch = by_position(original, translated, shape)
        if mismatch and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(mismatch)
        items = []
        for number, item in enumerate(original.items):
            match = theirs.get(_id(item)) if _id(item) else None
            match = placed.get(number) if match is None else match
            if match is None:
                self.missing_item(item, translated, inner, is_told=mismatch is not None)
                items.append(item)
            elif item.mapping and match.mapping:
                items.append(self.mapping(item, match, match, inner))
            else:
                items.append(match)
        return replace(original, value=tuple(items))

    def items_by_id(self, original: Node, translated: Node) -> Mapping[str, Node]:
        """The items of a translation that have an id, by it; those that belong to nothing are problems."""
        known = dict.fromkeys(_id(item) for item in original.items if _id(item))
        found: dict[str, Node] = {}
        for item in translated.items:
            if len(self.problems) >= MAX_PROBLEMS:
                break
            name = _id(item)
            if not name:
                continue
            node = item.mapping["id"]
            if name not in known:
                hint = near_miss(name, known) or f"The ids there: {shortened(', '.join(known) or 'none', 200)}."
                self.problems.append(
                    node.problem("unknown-id", f"nothing in the original has the id {name!r}", hint=hint)
                )
            elif name in found:
                self.problems.append(node.problem("duplicate-id", f"{name!r} is translated twice"))
            found.setdefault(name, item)
        return found

    def missing(self, value: Node, where: Node, shape: Shape) -> None:
        if shape.has_ids:
            for item in value.items:
                self.missing_item(item, where, shape.item(value))
        elif value.mapping:
            for key, child in value.mapping.items():
                self.missing(child, where, shape.fields(value).get(key, Shape()))
        elif value.items:
            for item in value.items:
                self.missing(item, where, shape.item(value))
        elif not self.allow and value.text.strip() and shape.of(value).translation in _SEVERITY:
            key = value.path.rpartition(".")[2]
            message = f"{key!r} ({value.place.file}:{value.place.line}) is not translated"
            self.problems.append(self.lack(value, message, where, _SEVERITY[shape.of(value).translation]))

    def missing_item(self, item: Node, where: Node, shape: Shape, *, is_told: bool = False) -> None:
        """`is_told`: it is a problem already that items without ids cannot be matched."""
        owed = {inner.translation for inner, node in walk(item, shape) if node.text.strip()} & _SEVERITY.keys()
        if self.allow or not owed or item in self.settled:
            return
        severity = Severity.ERROR if Translation.REQUIRED in owed else Severity.WARNING
        if not _id(item) and where.items:
            if not is_told:  # the translation has a list, all with ids
                hint = "Give it an id here and there, such as id: opening."
                message = "this has no id, so its translations cannot find it"
                self.problems.append(item.problem("missing-id", message, hint=hint, severity=severity))
        elif severity is Severity.ERROR:
            name = repr(_id(item)) if _id(item) else item.path
            message = f"{name} ({item.place.file}:{item.place.line}) is not translated"
            self.problems.append(self.lack(item, message, where))
        else:
            for key, value in item.mapping.items():
                self.missing(value, where, shape.fields(item).get(key, Shape()))

    def lack(self, original: Node, message: str, where: Node, severity: Severity = Severity.ERROR) -> Problem:
        """A problem of the translation about something that only the original has."""
        hint = "Translate it, or write fallback: allow."
        place = where.key_place
        return where.source.problem(
            "missing-translation", message, place, path=original.path, hint=hint, severity=severity
        )


def by_position(original: Node, translated: Node, shape: Shape) -> tuple[dict[int, Node], Problem | None]:
    """The items of a translation that have no ids, each by the number of the original's item that it translates; or the
    problem that they cannot be matched so.

    What comes from a snippet is matched by its ids, or is in the language already: it counts in neither file.
    """
    included = {_id(item) for item in original.items if not _is_own(item, original)} - {""}
    ours = [(number, item) for number, item in enumerate(original.items) if _is_own(item, original)]
    theirs = [item for item in translated.items if _is_own(item, translated) and _id(item) not in included]
    alone = next((item for item in theirs if not _id(item)), None)
    if alone is None:
        return {}, None
    there, inner = f"{original.place.file}:{original.place.line}", shape.item(original)
    hint = "Give each item the id of what it translates, such as id: opening, or write them as there, in order."
    if len(ours) != len(theirs):
        message = f"this has no id, and the list has {len(theirs)} items, not {len(ours)} as in the original ({there})"
        return {}, alone.problem("missing-id", message, hint=hint)
    for (_, item), match in zip(ours, theirs, strict=True):
        if not _may_translate(match, item, inner):
            there = f"{item.place.file}:{item.place.line}"
            message = f"this is not of the kind of what has its position in the original ({there})"
            return {}, match.problem("missing-id", message, hint=hint)
    return {number: match for (number, _), match in zip(ours, theirs, strict=True) if not _id(match)}, None


def _is_own(item: Node, items: Node) -> bool:
    return item.source.file == items.source.file


def _may_translate(translated: Node, original: Node, shape: Shape) -> bool:
    """Whether an item can be the translation of another one: it is of the same kind, or leaves out what names it."""
    if _id(translated) and _id(translated) != _id(original):
        return False
    if not translated.mapping or not original.mapping:
        return bool(translated.text.strip()) and (bool(original.text) or "text" in original.mapping)
    kind = str(shape.choose(translated.value)).lstrip(":")  # of a block, the key that names its type
    if f":{kind}" in shape.choices and kind in translated.mapping and kind not in original.mapping:
        return False
    return translated.mapping.keys() <= shape.fields(original).keys()


def translate(
    original: Node, translated: Node, schema: type[IssueFile] = IssueFile, settled: Sequence[Node] = ()
) -> tuple[Node, tuple[Problem, ...]]:
    """The issue in the language of a translation, and what is wrong with it as a translation."""
    fallback = translated.mapping.get("fallback") or original.mapping.get("fallback")
    merge = _Merge(fallback is not None and fallback.value == "allow", settled)
    merged = merge.mapping(original, translated, translated, shape_of(schema))
    return _own_subject(original, translated, merged), tuple(merge.problems)


def repeated_ids(node: Node) -> Iterator[Problem]:
    """Ids that are in one list twice: a translation of one of them would be ambiguous."""
    if node.mapping:
        for child in node.mapping.values():
            yield from repeated_ids(child)
    seen: dict[str, Node] = {}
    for item in node.items:
        yield from repeated_ids(item)
        name = _id(item)
        if name in seen:
            first = seen[name].place.line
            place = item.mapping["id"]
            yield place.problem("duplicate-id", f"the id {name!r} is there twice, first in line {first}")
        elif name:
            seen[name] = item.mapping["id"]


def _id(node: Node) -> str:
    return node.mapping["id"].text if "id" in node.mapping else ""


def _own_subject(original: Node, translated: Node, merged: Node) -> Node:
    """Drop a subject and preheader in another language than the email: title and first sentence replace them."""
    dropped = {
        key
        for key in ("subject", "preheader")
        if key in original.mapping and key not in translated.mapping and "title" in translated.mapping
    }
    return replace(merged, value={key: value for key, value in merged.mapping.items() if key not in dropped})
