"""The built-in block compressors, each with what only it uses."""
