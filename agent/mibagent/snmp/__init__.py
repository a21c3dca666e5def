"""The SNMP engine, the first northbound."""
