"""Nested plain data, as JSON and YAML hold."""


def places(data, path=()):
    """Paths to every entry of nested plain data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))
