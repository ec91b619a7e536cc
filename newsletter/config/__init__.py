"""Config: newsletter.toml plus environment, validated whole, every key documented. Read once; handed on in pieces.

`docs/reference/config.md` is made from these sections. An environment variable names section and key joined by two
underscores: `NEWSLETTER_SMTP__HOST`. After start-up no module reads the environment.
"""

from newsletter.config.checks import ChecksSection, why_no_warning
from newsletter.config.config import Config, DatabaseSection, secret_values, sections_of
from newsletter.config.file import FILE, place_of
from newsletter.config.load import is_configured_by, load_config
from newsletter.config.newsletter import NewsletterSection, PrivacySection, PublicSection, SignupSection
from newsletter.config.relay import BouncesSection, DkimSection, RelaySection, SmtpSection, is_dns_name
from newsletter.config.sending import AlertsSection, ScheduleSection, SendingSection
from newsletter.config.watching import LoggingSection, MetricsSection

__all__ = [
    "FILE", "AlertsSection", "BouncesSection", "ChecksSection", "Config", "DatabaseSection", "DkimSection",
    "LoggingSection", "MetricsSection", "NewsletterSection", "PrivacySection", "PublicSection", "RelaySection",
    "ScheduleSection", "SendingSection", "SignupSection", "SmtpSection", "is_configured_by", "is_dns_name",
    "load_config", "place_of", "secret_values", "sections_of", "why_no_warning",
]  # fmt: skip
