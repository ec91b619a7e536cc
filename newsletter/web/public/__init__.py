"""The readers' pages: unsubscribing by one click or a button, viewing a message in the browser, and its images."""

from newsletter.web.public.answers import Site
from newsletter.web.public.app import public_app

__all__ = ["Site", "public_app"]
