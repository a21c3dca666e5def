"""A managed gateway unit: services, protocols and doors over mibagent's parameter tree."""
