"""Doors to the parameter tree: command line and scripts."""
