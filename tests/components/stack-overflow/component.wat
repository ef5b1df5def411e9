;; Needs more stack than there is for the locals of a few calls. Every call has 4,000 of them, all alive.
(module
  ;; @include guest.wat
  (func $wide (param $depth i32) (result i32)
    (local i64 i64 i64 i64)
    ;; @repeat 400 (call $wide (i32.add (local.get $depth) (i32.const 1)))
    ;; @repeat 399 (i32.add)
  )
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (drop (call $wide (i32.const 0)))
    unreachable))
