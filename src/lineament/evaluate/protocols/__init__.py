"""Protocols of published tables, as values."""
