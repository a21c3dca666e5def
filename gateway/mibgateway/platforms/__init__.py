"""Definitions for management platforms, made from the MIBs."""
