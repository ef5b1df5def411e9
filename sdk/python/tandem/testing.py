"""A host for tests: runs a component's function on the author's machine, with the settings, secrets and HTTP answers that a test lays out.

It reaches no network and enforces no limits: `tandem exec` and `tandem test` run the component as operators do.

    host = Host(config={"base_url": "https://api.example"}, answers={"https://api.example/1": (200, "one")})
    assert host.run(app.run, "1") == b"one"
"""

from enum import Enum
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

Answer = Tuple[int, Union[bytes, str]]


class _Level(Enum):
    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


class Host:
    """What the component finds around it."""

    current: Optional["Host"] = None

    def __init__(
        self,
        config: Optional[Mapping[str, str]] = None,
        secrets: Optional[Mapping[str, str]] = None,
        answers: Optional[Mapping[str, Answer]] = None,
    ) -> None:
        self.config = dict(config or {})
        self.secrets = dict(secrets or {})
        self.answers = dict(answers or {})
        self.stored: Dict[str, bytes] = {}
        self.logged: List[str] = []
        self.asked: List[Any] = []

    def run(self, run: Callable[[Any], Any], task: Union[bytes, str]) -> bytes:
        """The bytes that `run` returns for a task with this input."""
        from . import Task, to_bytes

        before, Host.current = Host.current, self
        try:
            return to_bytes(run(Task(task.encode() if isinstance(task, str) else task)))
        finally:
            Host.current = before


def _host() -> Host:
    if Host.current is None:
        raise RuntimeError("no host runs: call the service with tandem.testing.Host().run(app.run, input)")
    return Host.current


def send(request: Any) -> Any:
    """Answers as the test laid out."""
    from .error import unavailable
    from .http import Response

    host = _host()
    host.asked.append(request)
    answer = host.answers.get(request.url if request.method == "GET" else f"{request.method} {request.url}")
    if answer is None:
        raise unavailable(f"no answer is laid out for {request.method} {request.url}")
    status, body = answer
    return Response(status, body.encode() if isinstance(body, str) else body)


def _increment(key: str, delta: int) -> int:
    stored = _host().stored
    total = int.from_bytes(stored.get(key, bytes(8)), "little", signed=True) + delta
    stored[key] = total.to_bytes(8, "little", signed=True)
    return total


def _write(key: str, value: Optional[bytes]) -> None:
    if value is None:
        _host().stored.pop(key, None)
    else:
        _host().stored[key] = value


def _compare_and_swap(key: str, expected: Optional[bytes], new: Optional[bytes]) -> bool:
    if _host().stored.get(key) != expected:
        return False
    _write(key, new)
    return True


def _keys(prefix: str, after: Optional[str], max: int) -> List[str]:
    found = sorted(key for key in _host().stored if key.startswith(prefix) and (after is None or key > after))
    return found[:max]


config = SimpleNamespace(get=lambda key: _host().config.get(key))
secrets = SimpleNamespace(get=lambda name: _host().secrets.get(name))
logging = SimpleNamespace(
    Level=_Level, log=lambda level, message: _host().logged.append(f"{level.name.lower()}: {message}")
)
store = SimpleNamespace(
    get=lambda key: _host().stored.get(key),
    get_many=lambda keys: [_host().stored.get(key) for key in keys],
    set=_write,
    delete=lambda key: _write(key, None),
    write_many=lambda rows: [_write(key, value) for key, value in rows] and None,
    keys=_keys,
    increment=_increment,
    compare_and_swap=_compare_and_swap,
)
