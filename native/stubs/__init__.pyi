"""Types of the native extension `qyn1_native` (native/crates/python)."""

VERSION: str
