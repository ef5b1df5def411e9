"""What authors of Tandem components in Python import.

A component is a function `run` from a task to bytes, in `src/app.py`; all honest operators must return the same bytes.

    from tandem import Task, config, log

    def run(task: Task) -> str:
        return f"{config.require('greeting')}, {task.text()}!"

HTTP, secrets and the store are modules of their own (`tandem.http`, `tandem.secrets`, `tandem.store`): a `strict` component is built without them.
There is no file system in a component: import at the head of a module, not in functions.
"""

import json
from dataclasses import dataclass
from typing import Any

from . import config, log
from .error import ErrorKind, ServiceError, failed, invalid_input, not_ready, unavailable

__all__ = [
    "ErrorKind",
    "ServiceError",
    "Task",
    "config",
    "failed",
    "invalid_input",
    "log",
    "not_ready",
    "to_bytes",
    "unavailable",
]


@dataclass(frozen=True)
class Task:
    """One firing of the workflow's trigger."""

    input: bytes
    """What the trigger carries."""
    id: bytes = bytes(32)
    """The task's identity: 32 bytes, the same for every operator and in the contract."""
    workflow: str = "manual"
    """Name of the workflow that fired."""

    def text(self) -> str:
        """The input as text; an error of kind `invalid-input` when it is not UTF-8."""
        try:
            return self.input.decode()
        except UnicodeDecodeError:
            raise invalid_input("the input is not UTF-8 text") from None

    def json(self) -> Any:
        """The input as JSON; an error of kind `invalid-input` when it is none."""
        try:
            return json.loads(self.text())
        except ValueError as error:
            raise invalid_input(f"the input is not JSON: {error}") from None


def to_bytes(value: Any) -> bytes:
    """The output as bytes: bytes as they are, text as UTF-8, anything else as JSON without white space, its fields in the order in which they were written."""
    if isinstance(value, bytes):
        return value
    if value is None:
        raise failed("the service returned nothing")
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
