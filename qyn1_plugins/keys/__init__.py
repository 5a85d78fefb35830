"""The built-in key schemes: ``file:``, ``env:``, ``command:`` and ``keyring:``."""
