;; Asks with the method CONNECT.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $request i32)
    (local.set $request
      (call $request (call $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1)))
    (drop (call $set-method (local.get $request) (i32.const 5) (i32.const 0) (i32.const 0)))
    (drop (call $response (call $send (local.get $request))))
    unreachable))
