;; Sends as many requests as it can, before it waits for the first answer.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $first i32) (local $count i32)
    (loop $again
      (local.set $first (call $send
        (call $request (call $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1))))
      (br_if $again (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 200))))
    (drop (call $response (local.get $first)))
    unreachable))
