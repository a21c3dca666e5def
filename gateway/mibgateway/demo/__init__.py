"""`mibgate demo`: a unit, a SIP server behind TLS, and a manager that changes the unit by SNMP."""
