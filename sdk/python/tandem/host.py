"""The seam between this package and whoever hosts it: the imports of the WIT package in a component, `tandem.testing` everywhere else."""

from typing import Any

try:
    from wit_world.imports import config, logging
except ImportError:
    from .testing import config, logging

try:
    from wit_world.imports import secrets, store
except ImportError:
    from .testing import secrets, store

__all__ = ["config", "logging", "secrets", "store", "write"]


def write(level: str, message: str) -> None:
    """Writes one line to the operator's log."""
    levels: Any = logging.Level
    logging.log(levels[level], message)
