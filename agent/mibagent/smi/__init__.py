"""Values, syntaxes, object identifiers and indexes."""
