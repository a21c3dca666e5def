"""Checks of an SNMP agent from outside: `python -m tools.conformance`. Imports nothing of ours."""
