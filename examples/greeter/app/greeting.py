"""What the service says. Pure, so that it is easy to test."""

MAX_NAME = 40


def greet(name: str) -> str:
    """A greeting for `name`; a stranger is the world. Long names are cut, so that a page cannot be flooded."""
    cleaned = " ".join(name.split())[:MAX_NAME]
    return f"Hello, {cleaned or 'world'}!"
