"""Types of the native extension `qyn1_native` (native/crates/python)."""

VERSION: str

def lex(language: str, data: bytes) -> tuple[bytes, bytes]: ...
