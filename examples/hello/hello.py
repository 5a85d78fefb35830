"""A project small enough to read while you try qyn1 on it."""


def greeting(name: str) -> str:
    """What to say to ``name``."""
    return f"Hello, {name}!"


if __name__ == "__main__":
    print(greeting("world"))
