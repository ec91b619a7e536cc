"""Urls: where our own pages are reached by one recipient; each carries a token of exactly one purpose.

Made from `[public] url` and the project's signer; used by compose for links and headers, and by previews.
"""

from dataclasses import dataclass

from newsletter.tokens import Purpose, Signer


@dataclass(frozen=True, slots=True)
class Urls:
    """`base` is the public URL without a slash at its end, such as `https://news.example.org`."""

    base: str
    signer: Signer

    def unsubscribe(self, recipient: str) -> str:
        """The page, and the one-click target (RFC 8058), where this recipient unsubscribes."""
        return f"{self.base}/u/{self.signer.sign(Purpose.UNSUBSCRIBE, recipient)}"

    def view(self, recipient: str) -> str:
        """The recipient's message as a page. Its token can do nothing else: the message may be forwarded."""
        return f"{self.base}/v/{self.signer.sign(Purpose.VIEW, recipient)}"
