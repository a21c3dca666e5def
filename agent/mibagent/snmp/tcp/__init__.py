"""SNMP over TCP."""
