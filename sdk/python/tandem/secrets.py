"""Values that each operator supplies for itself, such as API keys. They differ between operators: no output may depend on them."""

from . import host
from .error import failed


def get(name: str) -> str:
    """The secret `name`; an error of kind `failed` when tandem.toml does not name it or the operator has not supplied it."""
    value = host.secrets.get(name)
    if value is None:
        raise failed(f"secret {name} is not supplied")
    return value
