"""Why there is no output. The kind decides whether operators try again."""

from enum import Enum


class ErrorKind(Enum):
    """`invalid-input` and `failed` end the task, `not-ready` and `unavailable` are tried again until its deadline."""

    INVALID_INPUT = "invalid-input"
    NOT_READY = "not-ready"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class ServiceError(Exception):
    """A failure, with one sentence for people. Keep secrets out of it."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def invalid_input(message: str) -> ServiceError:
    """The task asks for something that can never be computed."""
    return ServiceError(ErrorKind.INVALID_INPUT, message)


def not_ready(message: str) -> ServiceError:
    """The answer does not exist yet."""
    return ServiceError(ErrorKind.NOT_READY, message)


def unavailable(message: str) -> ServiceError:
    """A source did not answer as it should."""
    return ServiceError(ErrorKind.UNAVAILABLE, message)


def failed(message: str) -> ServiceError:
    """The component, its configuration or its grants are wrong."""
    return ServiceError(ErrorKind.FAILED, message)
