"""Conformance kits: every law that a provider must keep, to run against a plugin of one's own."""
