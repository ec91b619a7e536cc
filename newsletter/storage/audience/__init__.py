"""Subscribers, lists, consent and events in the database."""
