"""Requests over `wasi:http`. Only in components."""

from typing import TYPE_CHECKING, Any, List

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, streams
from wit_world.imports import wasi_http_types as wasi

from .error import ServiceError, failed, unavailable

if TYPE_CHECKING:
    from .http import Request, Response

_CHUNK_BYTES = 64 * 1024
# Most bytes that `wasi:io` takes in one call that waits.
_WRITE_BYTES = 4096

_FAILED = {
    "HttpRequestDenied": "the host is not granted",
    "DestinationIpProhibited": "the host is not granted",
    "HttpRequestUriInvalid": "the URL is not valid",
    "ConnectionLimitReached": "a limit of requests or bytes was met",
    "HttpRequestBodySize": "a limit of requests or bytes was met",
    "HttpResponseBodySize": "a limit of requests or bytes was met",
}
_UNAVAILABLE = {
    "DnsError": "the host's name has no address",
    "DnsTimeout": "the host's name has no address",
    "DestinationNotFound": "the host's name has no address",
    "TlsProtocolError": "no valid TLS",
    "TlsCertificateError": "no valid TLS",
    "TlsAlertReceived": "no valid TLS",
    "ConnectionTimeout": "it took too long",
    "ConnectionReadTimeout": "it took too long",
    "ConnectionWriteTimeout": "it took too long",
    "HttpResponseTimeout": "it took too long",
    "ConnectionRefused": "no connection",
    "ConnectionTerminated": "no connection",
    "DestinationUnavailable": "no connection",
    "DestinationIpUnroutable": "no connection",
}


def send(request: "Request") -> "Response":
    """Sends a request and reads the whole response."""
    try:
        return _exchange(request)
    except Err as error:
        raise _in_words(error.value) from None


def _exchange(request: "Request") -> "Response":
    outgoing = _outgoing(request)
    body = outgoing.body()
    pending = outgoing_handler.handle(outgoing, None)
    _write(body, request.body)
    with pending.subscribe() as ready:
        ready.block()
    answer = pending.get()
    if not isinstance(answer, Ok):
        raise unavailable("the answer is not valid HTTP")
    if not isinstance(answer.value, Ok):
        raise answer.value
    with answer.value.value as response:
        return _receive(response)


def _outgoing(request: "Request") -> wasi.OutgoingRequest:
    fields = wasi.Fields.from_list([(name, value.encode()) for name, value in request.headers.items()])
    outgoing = wasi.OutgoingRequest(fields)
    outgoing.set_method(wasi.Method_Post() if request.method == "POST" else wasi.Method_Get())
    outgoing.set_scheme(wasi.Scheme_Https() if request.secure else wasi.Scheme_Http())
    outgoing.set_authority(request.authority)
    outgoing.set_path_with_query(request.path)
    return outgoing


def _write(body: wasi.OutgoingBody, content: bytes) -> None:
    if content:
        with body.write() as stream:
            for at in range(0, len(content), _WRITE_BYTES):
                stream.blocking_write_and_flush(content[at : at + _WRITE_BYTES])
    wasi.OutgoingBody.finish(body, None)


def _receive(response: wasi.IncomingResponse) -> "Response":
    from .http import Response

    status = response.status()
    chunks: List[bytes] = []
    with response.consume() as body, body.stream() as stream:
        while True:
            try:
                chunks.append(stream.blocking_read(_CHUNK_BYTES))
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return Response(status, b"".join(chunks))
                raise


def _in_words(error: Any) -> ServiceError:
    if isinstance(error, streams.StreamError_LastOperationFailed):
        error = wasi.http_error_code(error.value)
    code = type(error).__name__.removeprefix("ErrorCode_")
    if code in _FAILED:
        return failed(_FAILED[code])
    return unavailable(_UNAVAILABLE.get(code, "the answer is not valid HTTP"))
