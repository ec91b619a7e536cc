"""The block types that may also stand in `columns`, one file each as those above."""

from newsletter.authoring.block import types_in

SIMPLE = dict(types_in(__name__, __path__))
"""Block type → its keys."""
