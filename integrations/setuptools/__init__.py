"""qyn1 in Python packaging."""
