"""Agents for other people's MIBs and recordings: `mibgate agent`."""
