"""snippets: blocks that several issues share. `- snippet: name` stands for those of `snippets/<name>.yaml`.

The included blocks keep their places in the file of the snippet. `snippets/<name>.<language>.yaml` is the whole snippet
in that language; without it a translation of the issue translates the blocks by their ids.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from newsletter.authoring.fields.values import ID
from newsletter.authoring.files import names_in, read_yaml
from newsletter.authoring.short.shorthand import written_out
from newsletter.problem import Problem
from newsletter.source import Node, near_miss, shortened

FOLDER = "snippets"
"""In the project folder."""
KEY = "snippet"


def may_be_snippet(file: Path) -> bool:
    """Whether a file lies where snippets do."""
    return file.absolute().parent.name == FOLDER and file.name != "issue.yaml"


@dataclass
class Snippets:
    """The snippets that one issue includes."""

    root: Path
    """The project folder."""
    files: dict[str, Path] = field(default_factory=dict)
    """Those that were read, by their names in problems."""
    problems: list[Problem] = field(default_factory=list)

    def include(self, tree: Node, language: str = "") -> tuple[Node, tuple[Node, ...]]:
        """The tree with the blocks of its snippets in their places, and those of them that are written in a translation
        into this language.
        """
        blocks = tree.mapping.get("blocks")
        if blocks is None or not any(KEY in block.mapping for block in blocks.items):
            return tree, ()
        items: list[Node] = []
        translated: list[Node] = []
        for block in blocks.items:
            if KEY not in block.mapping:
                items.append(block)
                continue
            theirs = self._blocks(block, f".{language}") if language else None
            translated += theirs or ()
            items += (self._blocks(block, "") or ()) if theirs is None else theirs
        whole = replace(blocks, value=tuple(items))
        return replace(tree, value={**tree.mapping, "blocks": whole}), tuple(translated)

    def left_out(self, translated: Node, tree: Node) -> Node:
        """A translation without the snippets that it repeats from the original: their blocks are included there."""
        blocks, original = translated.mapping.get("blocks"), tree.mapping.get("blocks")
        names = {block.mapping[KEY].text for block in original.items if KEY in block.mapping} if original else set()
        if blocks is None or not names:
            return translated
        own = tuple(block for block in blocks.items if KEY not in block.mapping or block.mapping[KEY].text not in names)
        return replace(translated, value={**translated.mapping, "blocks": replace(blocks, value=own)})

    def _blocks(self, block: Node, ending: str) -> tuple[Node, ...] | None:
        """The blocks of the file that a block names; None without it."""
        named = block.mapping[KEY]
        if not re.fullmatch(ID, named.text):
            self.problems.append(named.problem("bad-name", "this is not the name of a snippet", hint=self._known("")))
            return None
        self.problems += (
            node.problem("unknown-key", f"there is no key {key!r} here", hint="A snippet has only its name.",
                         at=node.key_place)
            for key, node in block.mapping.items() if key != KEY
        )  # fmt: skip
        file = self.root / FOLDER / f"{named.text}{ending}.yaml"
        try:
            tree, problems = read_yaml(file, self.root)
        except FileNotFoundError:
            if not ending:
                message = f"there is no {FOLDER}/{shortened(named.text)}.yaml"
                self.problems.append(named.problem("missing-snippet", message, hint=self._known(named.text)))
            return None
        self.problems += problems
        if tree is None:
            return ()
        self.files[tree.source.file] = file
        if not tree.items:
            message = "a snippet is a list of blocks (lines that begin with -)"
            self.problems.append(tree.problem("wrong-type", message))
        return tuple(self._flat(written_out(replace(tree, value={"blocks": tree})).mapping["blocks"].items))

    def _flat(self, blocks: tuple[Node, ...]) -> Iterator[Node]:
        for block in blocks:
            if KEY not in block.mapping:
                yield block
                continue
            self.problems.append(block.problem("misplaced-key", "a snippet cannot include another one"))

    def _known(self, name: str) -> str:
        try:
            names = names_in(self.root / FOLDER, self.root)
        except OSError:
            names = []
        known = [one.removesuffix(".yaml") for one in names if one.endswith(".yaml") and one.count(".") == 1]
        return f"{near_miss(name, known)} There are: {', '.join(known) or 'none'}.".strip()
