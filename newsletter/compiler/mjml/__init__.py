"""MJML: templates rendered, converted to HTML, and the HTML finished.

`templates` reads them and tells whose fault a failure is; `worker` keeps the `child`, a process with `limits`, in which
`render` (Jinja2), `convert` (mjml-python) and `finish` (inline CSS) run.
"""
