"""Sphinx extension of the book: what a notebook has published becomes nodes that Sphinx knows."""

from myst_nb.core.render import MimeRenderPlugin


class Published(MimeRenderPlugin):
    """Renders outputs of the type that `sqlib.show.publish` gives them."""
