"""Who gets which part of an edition: what is shown when, and which variants of it there can be."""
