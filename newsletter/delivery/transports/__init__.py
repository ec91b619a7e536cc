"""Transports: `smtp` (a relay), `folder` (files, for dry runs)."""
