"""Use cases of the audience: lists, single subscribers, import, export and unsubscribing."""
