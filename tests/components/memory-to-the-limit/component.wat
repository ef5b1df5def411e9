;; Grows to all the memory that it may have, and writes to every page of it.
(module
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $page i32)
    (local.set $page (memory.size))
    (if (i32.eq (i32.const -1) (memory.grow (i32.sub (i32.const 512) (local.get $page)))) (then unreachable))
    (loop $next
      (i32.store (i32.shl (local.get $page) (i32.const 16)) (i32.const 1))
      (i32.store offset=4096 (i32.shl (local.get $page) (i32.const 16)) (i32.const 1))
      (i32.store offset=32768 (i32.shl (local.get $page) (i32.const 16)) (i32.const 1))
      (br_if $next (i32.lt_u (local.tee $page (i32.add (local.get $page) (i32.const 1))) (i32.const 512))))
    (call $output (i32.const 1024) (i32.const 4)))
  (data (i32.const 1024) "full"))
