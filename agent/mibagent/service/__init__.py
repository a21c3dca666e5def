"""Services: what reacts to a committed change."""
