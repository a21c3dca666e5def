"""The client of SNTP: what time it is, asked of servers (RFC 4330, RFC 5905 section 14)."""
