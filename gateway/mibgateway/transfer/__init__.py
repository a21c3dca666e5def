"""Files by HTTPS and HTTP, in both directions."""
