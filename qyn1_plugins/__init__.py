"""Plugins of qyn1: the hook specifications, the host, and the built-in providers.

Plugin authors import `qyn1_plugins.spec`, `qyn1_plugins.errors`, `qyn1_plugins.tokens`
and `qyn1_plugins.testing`; everything else may change.
"""
