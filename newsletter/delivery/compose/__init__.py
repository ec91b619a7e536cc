"""Edition + recipient → the bytes of a message and its envelope."""
