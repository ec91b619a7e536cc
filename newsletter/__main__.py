"""`python -m newsletter` and the `newsletter` command: hands over to the command line."""

from newsletter.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
