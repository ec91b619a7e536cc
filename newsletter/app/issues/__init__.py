"""Use cases of writing: find, check, build, preview and start issues."""
