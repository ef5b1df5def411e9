"""Lines for the operator's log; no part of the result."""

from . import host


def trace(message: str) -> None:
    """Steps inside a computation."""
    host.write("TRACE", message)


def debug(message: str) -> None:
    """What helps the author."""
    host.write("DEBUG", message)


def info(message: str) -> None:
    """What an operator may want to know."""
    host.write("INFO", message)


def warn(message: str) -> None:
    """Something is wrong, and was dealt with."""
    host.write("WARN", message)


def error(message: str) -> None:
    """Something is wrong."""
    host.write("ERROR", message)
