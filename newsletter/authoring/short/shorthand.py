"""shorthand: what may be written short, as the whole it stands for. Comes right after the YAML.

A bare string among the blocks is a text block; `"[Title](url): summary"` among highlights is an article. Every value
keeps the place where it was written.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from newsletter.authoring.fields.values import ID
from newsletter.source import Node

ARTICLE = r"^\s*\[([^\[\]\n]+)\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)(?:\s*[:：]\s*(\S[\s\S]*))?\s*$"
"""Title, link and summary of an article in one string, for Python and for JSON Schema."""
_ARTICLE = re.compile(ARTICLE)


@dataclass(frozen=True)
class Shorthand:
    """The mark of a union type whose value may be written in another way too: JSON Schema tells editors."""

    schema: tuple[tuple[str, Any], ...]

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> Any:
        """What pydantic asks a mark for."""
        made = handler(core_schema)
        made["oneOf"].append(dict(self.schema))
        return made


def _string(about: str, pattern: str) -> Shorthand:
    return Shorthand((("type", "string"), ("pattern", pattern), ("description", about)))


BARE_TEXT = _string("Paragraphs of Markdown, short for text.", r"\S")
BARE_ARTICLE = _string('An article: "[Title](https://…): summary".', ARTICLE)
INCLUDED = Shorthand(
    (
        ("type", "object"),
        ("description", "The blocks of a file in snippets/."),
        ("properties", {"snippet": {"type": "string", "pattern": ID, "description": "Its name, without .yaml."}}),
        ("required", ["snippet"]),
        ("additionalProperties", False),
    )
)
"""See `snippets`, which comes after this."""


def written_out(tree: Node) -> Node:
    """The tree of an issue or a translation, or of a column, without shorthand."""
    blocks = tree.mapping.get("blocks")
    if blocks is None or not blocks.items:
        return tree
    return replace(tree, value={**tree.mapping, "blocks": replace(blocks, value=tuple(map(_block, blocks.items)))})


def _block(node: Node) -> Node:
    if node.text.strip():
        return replace(node, value={"text": node}, style="")
    if (columns := node.mapping.get("columns")) is not None and columns.items:
        return replace(
            node, value={**node.mapping, "columns": replace(columns, value=tuple(map(written_out, columns.items)))}
        )
    listed = node.mapping.get("highlights")
    if listed is None or not listed.items:
        return node
    return replace(node, value={**node.mapping, "highlights": replace(listed, value=tuple(map(_item, listed.items)))})


def _item(node: Node) -> Node:
    match = _ARTICLE.match(node.text)
    if match is None:
        return node  # the schema says what belongs there
    spans = {"title": match.span(1), "url": match.span(2), "summary": match.span(3)}
    parts = {key: node.part(*span, f"{node.path}.{key}") for key, span in spans.items() if span[0] >= 0}
    return replace(node, value=parts, style="")
