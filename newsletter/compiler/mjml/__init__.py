"""MJML: templates rendered, converted to HTML, and the HTML finished."""
