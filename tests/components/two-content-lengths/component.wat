;; Says two lengths for one body.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $fields i32)
    (local.set $fields (call $fields))
    (call $append (local.get $fields) (i32.const 1100) (i32.const 14) (i32.const 1120) (i32.const 1) (i32.const 32))
    (call $append (local.get $fields) (i32.const 1100) (i32.const 14) (i32.const 1121) (i32.const 2) (i32.const 36))
    (if (i32.load8_u (i32.const 36)) (then (return (call $output (i32.const 1130) (i32.const 7)))))
    (drop (call $response (call $send
      (call $request (local.get $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1)))))
    unreachable)
  (data (i32.const 1100) "Content-Length")
  (data (i32.const 1120) "550")
  (data (i32.const 1130) "refused"))
