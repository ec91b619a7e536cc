"""How it looks: Issue → MJML → HTML + text = Edition. Once per edition, no recipient known.

In the order of the work: `mark` puts `slots` where merge fields are, `theme` and `context` are what a template sees,
`mjml` renders templates and makes HTML in a child process, `links` registers, `wording` has Markdown, phrases and the
text part, `fingerprint` names the result, `edition` is the noun, `compile` the steps in order.
"""
