"""What an author sees while writing: every edition as a mail program would show it, and the problems beside it."""

from newsletter.web.preview.app import preview_app
from newsletter.web.preview.changes import Changes
from newsletter.web.preview.export import export_preview

__all__ = ["Changes", "export_preview", "preview_app"]
