"""Checks of an edition: its words, links, images and size. Each is a function from nouns to problems."""
