"""Where people meet it: `preview` for the author, `public` for the reader. The apps do not know each other."""
