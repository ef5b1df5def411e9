;; Sends headers, and headers, and headers.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $fields i32) (local $count i32)
    (local.set $fields (call $fields))
    (memory.fill (i32.const 4096) (i32.const 120) (i32.const 10_000))
    (loop $next
      (call $append (local.get $fields) (i32.const 1100) (i32.const 1) (i32.const 4096) (i32.const 10_000) (i32.const 32))
      (br_if $next (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 10))))
    (drop (call $response (call $send
      (call $request (local.get $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1)))))
    unreachable)
  (data (i32.const 1100) "x"))
