;; Fills the bodies of 900 requests as far as they go, and sends none of them.
(module
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check-write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $push (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-output (param i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]outgoing-body" (func $drop-outgoing (param i32)))
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $data i32) (local $body i32) (local $stream i32) (local $permit i32) (local $count i32)
    (local.set $data (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1_048_576)))
    (loop $next
      (call $request-body (call $new-request (call $fields)) (i32.const 32))
      (local.set $body (i32.load (i32.const 36)))
      (call $body-write (local.get $body) (i32.const 48))
      (local.set $stream (i32.load (i32.const 52)))
      (block $full
        (loop $more
          (call $check-write (local.get $stream) (i32.const 64))
          (br_if $full (i32.load8_u (i32.const 64)))
          (br_if $full (i32.eqz (local.tee $permit (i32.load (i32.const 72)))))
          (call $push (local.get $stream) (local.get $data) (local.get $permit) (i32.const 80))
          (br_if $full (i32.load8_u (i32.const 80)))
          (br $more)))
      (call $drop-output (local.get $stream))
      (call $drop-outgoing (local.get $body))
      (br_if $next (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 900))))
    (call $output (i32.const 0) (i32.const 0))))
