"""The web apps: `preview` for the author, `public` for readers. They do not import each other."""
