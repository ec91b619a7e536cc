"""The author's pages: every edition as an email program would show it, with its problems."""

from newsletter.web.preview.app import preview_app
from newsletter.web.preview.changes import Changes
from newsletter.web.preview.export import export_preview

__all__ = ["Changes", "export_preview", "preview_app"]
