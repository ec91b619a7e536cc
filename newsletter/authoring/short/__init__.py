"""What authors may write short, and the whole it stands for: trees in, trees out, each value where it was written."""
