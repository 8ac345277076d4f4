"""Text from outside, safe to show: names of files, topics and frames may hold sequences that a terminal obeys."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with every character that is not printable shown as its escape (`\\x1b`); line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
