"""The demo: the whole path on one machine, with a mail catcher and made-up subscribers."""
