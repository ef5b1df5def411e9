;; Asks over TLS a server that has none.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $request i32)
    (local.set $request (call $new-request (call $fields)))
    (drop (call $set-authority (local.get $request) (i32.const 1) (local.get $input) (local.get $input-len)))
    (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 64))
    (drop (call $response (i32.load (i32.const 72))))
    unreachable))
