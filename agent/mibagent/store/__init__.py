"""Configured values: transactions, rows, journal."""
