"""The pages readers meet: leaving with one click or one button, reading a mail in the browser, and its images."""

from newsletter.web.public.answers import Site
from newsletter.web.public.app import public_app

__all__ = ["Site", "public_app"]
