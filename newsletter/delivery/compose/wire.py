"""Wire: what SMTP requires of a message's bytes. The final check of compose."""

from collections.abc import Sequence

from newsletter.delivery.compose.headers import MAX_LINE
from newsletter.errors import ComposeError


def check_wire(data: bytes, names: Sequence[str]) -> None:
    """Check written bytes against what was meant. Raises ComposeError, which is a bug of ours.

    `names` are the header names in their order: they show a value that became a header of its own.
    """
    check_lines(data)
    if read_header_names(data) != list(names):
        raise ComposeError("The message's headers are not those that were written")


def check_lines(data: bytes) -> None:
    """Check the lines of a message, or of whole lines of one. Raises ComposeError, which is a bug of ours.

    A dot at the start of a line would have to be doubled on the wire (RFC 5321, section 4.5.2), and a single one would
    end the message. No line of ours begins with one, so that the bytes are sent as they are.
    """
    if b"\0" in data:
        raise ComposeError("The message holds a NUL")
    ends = data.count(b"\r\n")
    if data.count(b"\r") != ends or data.count(b"\n") != ends or not data.endswith(b"\r\n"):
        raise ComposeError("The message has a line end other than CRLF")  # RFC 5321, section 2.3.8
    if max(map(len, data.split(b"\r\n"))) > MAX_LINE:
        raise ComposeError(f"The message has a line longer than {MAX_LINE} octets")
    if data.startswith(b".") or b"\n." in data:
        raise ComposeError("The message has a line that begins with a dot")


def read_header_names(data: bytes) -> list[str]:
    """The names of the header fields of a message, in their order, as any reader would see them."""
    lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [line.partition(b":")[0].decode("latin-1") for line in lines if not line.startswith((b" ", b"\t"))]
