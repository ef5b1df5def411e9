;; Grows page by page, writes to each, and never has enough.
(module
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (loop $next
      (i32.store (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const 1))
      (br $next))
    unreachable))
