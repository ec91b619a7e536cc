"""What is checked of an edition: its words, links, pictures and size. Each check is a function from nouns to problems."""
