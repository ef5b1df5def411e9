;; Asks for an answer that never ends, and does not read it.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (drop (call $response (call $send
      (call $request (call $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1)))))
    (loop $again (br $again))
    unreachable))
