"""Deliveries and their recipients in the database: frozen, claimed, recorded, counted."""
