"""Notifications as syslog messages: formats, criteria, datagrams."""
