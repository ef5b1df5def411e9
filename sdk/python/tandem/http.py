"""HTTP requests to the hosts that tandem.toml lists. Redirects are not followed.

Nothing that this module reports carries the URL, which may hold a key.

    prices = http.get("https://api.example.com/prices").ok().json()
"""

import json
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Union
from urllib.parse import urlsplit

from .error import failed, unavailable

try:
    from ._wire import send
except ImportError:
    from .testing import send

# Statuses that may pass by themselves, a key that the server refuses among them, for the operator can mend that.
_PASSING = frozenset((401, 403, 408, 425, 429))


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    method: str
    secure: bool
    authority: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True)
class Response:
    """A response, whatever its status."""

    status: int
    body: bytes

    def ok(self) -> "Response":
        """This response, if its status is 200 to 299; else an error of kind `unavailable` or `failed`."""
        if 200 <= self.status <= 299:
            return self
        passing = self.status in _PASSING or self.status >= 500
        raise (unavailable if passing else failed)(f"the server answered with HTTP {self.status}")

    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON; an error of kind `unavailable` when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise unavailable("the response is not JSON") from None


def get(url: str, headers: Optional[Mapping[str, str]] = None) -> Response:
    """Asks for `url` and reads the whole response. The status is not looked at: see `Response.ok`."""
    return send(_request("GET", url, headers or {}, b""))


def post(url: str, body: Union[bytes, str], headers: Optional[Mapping[str, str]] = None) -> Response:
    """Sends `body` to `url`. Every operator sends it: the server gets it once from each."""
    return send(_request("POST", url, headers or {}, body.encode() if isinstance(body, str) else body))


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise failed("the URL is not valid")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # Compressed bodies would cost fuel, and servers compress differently from one moment to the next.
    fixed = {"accept-encoding": "identity", "user-agent": "tandem"}
    if method == "POST":
        fixed["content-length"] = str(len(body))
    return Request(method, parts.scheme == "https", parts.netloc, path, {**fixed, **headers}, body, url)
