"""The service's store: keys and values that last, shared by the service's components.

Each operator has its own: no output may depend on it unless all operators are sure to have the same in it. Writes take effect at once and are repeated
when the execution is.
"""

from typing import Any, Callable, List, Optional, Sequence, Tuple, TypeVar

from . import host
from .error import ServiceError, failed, unavailable

T = TypeVar("T")

_WORDS = {
    "Error_NotGranted": "the store is not granted",
    "Error_NotACounter": "the value is not a counter, or the sum leaves 64 bits",
}


def get(key: str) -> Optional[bytes]:
    """The value under `key`, or none."""
    return _call(lambda: host.store.get(key))


def get_many(keys: Sequence[str]) -> List[Optional[bytes]]:
    """The values under several keys, 64 at most, in their order and of one moment."""
    return _call(lambda: host.store.get_many(list(keys)))


def set(key: str, value: bytes) -> None:
    """Writes `value` under `key`."""
    _call(lambda: host.store.set(key, value))


def delete(key: str) -> None:
    """Deletes `key`, if it is there."""
    _call(lambda: host.store.delete(key))


def write_many(rows: Sequence[Tuple[str, Optional[bytes]]]) -> None:
    """Writes several values, 64 at most, or deletes where there is none: all of them or none."""
    _call(lambda: host.store.write_many(list(rows)))


def keys(prefix: str, after: Optional[str] = None, max: int = 64) -> List[str]:
    """Keys that begin with `prefix` and come after `after`, ascending, `max` at most."""
    return _call(lambda: host.store.keys(prefix, after, max))


def increment(key: str, delta: int = 1) -> int:
    """Adds to a counter, and returns the sum. A counter that is not there is 0."""
    return _call(lambda: host.store.increment(key, delta))


def compare_and_swap(key: str, expected: Optional[bytes], new: Optional[bytes]) -> bool:
    """Writes `new` if `expected` is what is there, and says whether it did. None stands for no value, both ways."""
    return _call(lambda: host.store.compare_and_swap(key, expected, new))


def _call(command: Callable[[], T]) -> T:
    """`command`, with the host's refusal in words."""
    try:
        return command()
    except Exception as error:
        refused = getattr(error, "value", None)
        if refused is None:
            raise
        raise _in_words(refused) from None


def _in_words(refused: Any) -> ServiceError:
    name = type(refused).__name__
    if name == "Error_Limit":
        limit = refused.value.name.lower().replace("_", "-")
        return failed(f"the limit {limit} of the store would be exceeded")
    return failed(_WORDS[name]) if name in _WORDS else unavailable("the store failed")
