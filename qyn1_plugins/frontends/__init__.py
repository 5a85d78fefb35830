"""The built-in frontends, a module for each language."""
