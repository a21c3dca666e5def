"""One module a MIB: what a committed change does."""
