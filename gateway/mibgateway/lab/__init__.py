"""The laboratory: units that live as long as a test does, and what a test is told of them."""
