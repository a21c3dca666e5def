"""What the MIBs declare."""
