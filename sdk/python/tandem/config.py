"""The workflow's settings, from `config` in tandem.toml."""

from typing import Optional

from . import host
from .error import failed


def get(key: str) -> Optional[str]:
    """The value of `key`, or none."""
    return host.config.get(key)


def require(key: str) -> str:
    """The value of `key`; an error of kind `failed` when it is not set."""
    value = get(key)
    if value is None:
        raise failed(f"config `{key}` is not set")
    return value
