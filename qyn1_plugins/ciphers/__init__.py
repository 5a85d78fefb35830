"""The built-in implementations of ChaCha20-Poly1305: three libraries, the same bytes."""
