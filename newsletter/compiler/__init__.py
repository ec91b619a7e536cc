"""How it looks: Issue → MJML → HTML + text = Edition. Once per edition, no recipient known.

In the order of the work: `theme` and `context` are what a template sees, `templates` renders MJML, `mjml` makes HTML,
`markup` finishes it, `plaintext` writes the text part, `edition` is the noun, `compile` the steps in order.
"""
