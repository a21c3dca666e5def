"""What the host that the unit runs on tells of itself."""
