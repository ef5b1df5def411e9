//! Requests over `wasi:http`.

use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{
    self as wasi, ErrorCode, Fields, IncomingBody, IncomingResponse, OutgoingBody, OutgoingRequest, RequestOptions,
};
use crate::bindings::wasi::io::streams::StreamError;

use super::{HttpError, Method, Request, Response, Scheme, split};

/// Bytes to ask the host for at once.
const CHUNK_BYTES: u64 = 64 * 1024;
/// Most bytes that `wasi:io` takes in one call that waits.
const WRITE_BYTES: usize = 4096;

pub(crate) fn send(request: &Request) -> Result<Response, HttpError> {
    let outgoing = outgoing(request)?;
    let body = outgoing.body().map_err(|()| HttpError::Protocol)?;
    let pending = handle(outgoing, options(request)?)?;
    write(body, &request.body)?;
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(response)) => receive(&response?),
        // Taken before, or not there after the wait: the host broke its word.
        _ => Err(HttpError::Protocol),
    }
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, HttpError> {
    let (scheme, authority, path) = split(&request.url).ok_or(HttpError::Url)?;
    let (scheme, method) = (wasi::Scheme::from(scheme), wasi::Method::from(request.method));
    let outgoing = OutgoingRequest::new(headers(request)?);
    outgoing.set_method(&method).map_err(|()| HttpError::Protocol)?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| HttpError::Url)?;
    outgoing.set_authority(Some(authority)).map_err(|()| HttpError::Url)?;
    outgoing.set_path_with_query(Some(path)).map_err(|()| HttpError::Url)?;
    Ok(outgoing)
}

fn headers(request: &Request) -> Result<Fields, HttpError> {
    let headers = Fields::new();
    let append = |name: &str, value: &[u8]| headers.append(name, value).map_err(|_| HttpError::Protocol);
    // Compressed bodies would cost fuel, and servers compress differently from one moment to the next.
    append("accept-encoding", b"identity")?;
    append("user-agent", b"tandem")?;
    if request.method == Method::Post {
        append("content-length", request.body.len().to_string().as_bytes())?;
    }
    for (name, value) in &request.headers {
        append(name, value.as_bytes())?;
    }
    Ok(headers)
}

fn options(request: &Request) -> Result<Option<RequestOptions>, HttpError> {
    let Some(time) = request.timeout else { return Ok(None) };
    let nanoseconds = Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    options.set_connect_timeout(nanoseconds).map_err(|()| HttpError::Protocol)?;
    options.set_first_byte_timeout(nanoseconds).map_err(|()| HttpError::Protocol)?;
    options.set_between_bytes_timeout(nanoseconds).map_err(|()| HttpError::Protocol)?;
    Ok(Some(options))
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), HttpError> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| HttpError::Protocol)?;
        for chunk in bytes.chunks(WRITE_BYTES) {
            match stream.blocking_write_and_flush(chunk) {
                Ok(()) => {}
                // The server has answered, or gone, before it read all: the response says which.
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(wasi::http_error_code(&error).map_or(HttpError::Protocol, HttpError::from));
                }
            }
        }
    }
    OutgoingBody::finish(body, None)?;
    Ok(())
}

fn receive(response: &IncomingResponse) -> Result<Response, HttpError> {
    let status = response.status();
    let body = response.consume().map_err(|()| HttpError::Protocol)?;
    let stream = body.stream().map_err(|()| HttpError::Protocol)?;
    let mut bytes = Vec::new();
    let outcome = loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                break Err(wasi::http_error_code(&error).map_or(HttpError::Protocol, HttpError::from));
            }
        }
    };
    drop(stream);
    drop(IncomingBody::finish(body));
    outcome.map(|()| Response { status, body: bytes })
}

impl From<Scheme> for wasi::Scheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Http => Self::Http,
            Scheme::Https => Self::Https,
        }
    }
}

impl From<Method> for wasi::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::Get,
            Method::Post => Self::Post,
        }
    }
}

impl From<ErrorCode> for HttpError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Self::NotGranted,
            ErrorCode::HttpRequestUriInvalid => Self::Url,
            ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => Self::Dns,
            ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => Self::Tls,
            ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout => Self::Timeout,
            ErrorCode::ConnectionLimitReached
            | ErrorCode::HttpRequestBodySize(_)
            | ErrorCode::HttpResponseBodySize(_) => Self::Limit,
            ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTerminated
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable => Self::Connect,
            _ => Self::Protocol,
        }
    }
}
