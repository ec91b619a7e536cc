"""Words: Markdown, fixed phrases in the language of the edition, and the text part."""
