"""What to say."""

import html


def greeting(name):
    """The greeting of ``name``, safe to stand in a page."""
    return f"Hello, {html.escape(name)}!"
