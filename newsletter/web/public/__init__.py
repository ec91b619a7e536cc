"""The readers' pages: unsubscribing by one click or a button, viewing a message in the browser, and its images."""

from newsletter.web.public.answers import Site
from newsletter.web.public.app import public_app
from newsletter.web.public.archive.export import export_archive
from newsletter.web.public.look import page_theme
from newsletter.web.public.metrics import metrics_route

__all__ = ["Site", "export_archive", "metrics_route", "page_theme", "public_app"]
