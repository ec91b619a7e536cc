"""How it looks: Issue → MJML → HTML + text = Edition. Once per edition, no recipient known.

In the order of the work: `slots` marks the merge fields, `theme` and `context` are what a template sees, `templates`
renders MJML (with `markdown` and `phrases`), `mjml` makes HTML, `markup` finishes it, `links` registers, `plaintext`
writes the text part, `fingerprint` names the result, `edition` is the noun, `compile` the steps in order.
"""
