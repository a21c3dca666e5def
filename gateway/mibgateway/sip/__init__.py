"""SIP without sockets: messages, framing, transactions, persistent flows."""
