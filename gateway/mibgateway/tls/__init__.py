"""Credentials, policies and the identity of peers, for every use of TLS."""
