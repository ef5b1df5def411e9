;; Dirties all of its memory, over and over, so that nothing of it is cheap to give back.
(module
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $at i32)
    (if (i32.eq (i32.const -1) (memory.grow (i32.const 500))) (then unreachable))
    (loop $next
      (i64.store (i32.and (local.tee $at (i32.add (i32.mul (local.get $at) (i32.const 1664525)) (i32.const 1013904223)))
        (i32.const 0xfffff8)) (i64.const -1))
      (br $next))
    unreachable))
