"""The child of `mjml`: a program of its own that may die, run by its path. Reads MJML, writes HTML.

Exit 0 with HTML on standard output, or 3 with what mjml-python complains about on standard error.
"""

from __future__ import annotations

import resource
import sys


def main(packages: str, cpu_seconds: int, memory_bytes: int, stack_bytes: int) -> int:
    """Convert standard input within these limits. `packages` is the folder where mjml-python is installed."""
    for kind, limit in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_STACK, stack_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (allowed, hard))
        except (ValueError, OSError):
            pass  # some systems have no limit of that kind; the parent's timeout holds everywhere
    sys.path.append(packages)
    from mjml import mjml2html  # after the limits, which must hold for loading it, too

    source = sys.stdin.buffer.read().decode("utf-8")
    try:
        html = mjml2html(source, fonts={})  # or every mail links a font server
    except BaseException as error:  # noqa: BLE001 - a Rust panic arrives as a BaseException
        sys.stderr.buffer.write(str(error).encode("utf-8", "replace"))
        return 3
    sys.stdout.buffer.write(html.encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(int(argument) for argument in sys.argv[2:5])))
