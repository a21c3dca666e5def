"""An SNMP agent whose objects are compiled from MIB files and whose SETs are transactions."""
