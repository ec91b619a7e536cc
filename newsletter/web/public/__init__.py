"""The readers' pages: unsubscribing by one click or a button, viewing a message in the browser, and its images."""

from newsletter.web.public.answers import Site
from newsletter.web.public.app import public_app
from newsletter.web.public.archive.export import export_archive
from newsletter.web.public.look import page_theme

__all__ = ["Site", "export_archive", "page_theme", "public_app"]
