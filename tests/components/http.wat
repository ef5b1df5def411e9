  ;; Requests over wasi:http, as simple as can be: what fails is a crash, of which the host knows the reason.
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.get" (func $field (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $new-request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method" (func $set-method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme" (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $set-path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $request-body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $future-get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]future-incoming-response" (func $drop-future (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.status" (func $status (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.headers" (func $headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-response" (func $drop-response (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-body" (func $drop-body (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $blocking-read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop-stream (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  ;; @include guest.wat

  ;; A request for a path of a host, over plain HTTP, with the given headers.
  (func $request (param $fields i32) (param $host i32) (param $host-len i32) (param $path i32) (param $path-len i32) (result i32)
    (local $request i32)
    (local.set $request (call $new-request (local.get $fields)))
    (drop (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $set-authority (local.get $request) (i32.const 1) (local.get $host) (local.get $host-len)))
    (drop (call $set-path (local.get $request) (i32.const 1) (local.get $path) (local.get $path-len)))
    (local.get $request))

  ;; Sends a request; the answer will come.
  (func $send (param $request i32) (result i32)
    (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then unreachable))
    (i32.load (i32.const 72)))

  ;; Waits for the answer.
  (func $response (param $future i32) (result i32)
    (local $pollable i32)
    (local.set $pollable (call $subscribe (local.get $future)))
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable))
    (call $future-get (local.get $future) (i32.const 128))
    (if (i32.load8_u (i32.const 144)) (then unreachable))
    (call $drop-future (local.get $future))
    (i32.load (i32.const 152)))

  ;; Reads a response to its end, and counts its bytes; the last of them, as they came, are at $last.
  (global $last (mut i32) (i32.const 0))
  (func $read-all (param $response i32) (result i32)
    (local $body i32) (local $stream i32) (local $bytes i32) (local $room i32)
    (call $consume (local.get $response) (i32.const 256))
    (local.set $body (i32.load (i32.const 260)))
    (call $stream (local.get $body) (i32.const 264))
    (local.set $stream (i32.load (i32.const 268)))
    (local.set $room (global.get $free))
    (block $end
      (loop $more
        ;; The same room for every piece.
        (global.set $free (local.get $room))
        (call $blocking-read (local.get $stream) (i64.const 65536) (i32.const 272))
        (if (i32.load8_u (i32.const 272))
          (then
            (br_if $end (i32.load8_u (i32.const 276)))
            unreachable))
        (global.set $last (i32.load (i32.const 276)))
        (local.set $bytes (i32.add (local.get $bytes) (i32.load (i32.const 280))))
        (br $more)))
    (call $drop-stream (local.get $stream))
    (call $drop-body (local.get $body))
    (call $drop-response (local.get $response))
    (local.get $bytes))

  ;; Asks a host for `/`, and reads the answer.
  (func $get (param $host i32) (param $host-len i32) (result i32)
    (call $read-all (call $response (call $send
      (call $request (call $fields) (local.get $host) (local.get $host-len) (i32.const 1024) (i32.const 1))))))
  (data (i32.const 1024) "/")
