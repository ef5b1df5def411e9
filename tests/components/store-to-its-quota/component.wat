;; Fills the store of its service until there is no more room, and goes on.
(module
  (import "tandem:service/store@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $key i32)
    (loop $next
      ;; Keys of eight letters.
      (i32.store (i32.const 1024) (i32.add (i32.const 0x61616161) (i32.and (local.get $key) (i32.const 15))))
      (i32.store (i32.const 1028) (i32.add (i32.const 0x61616161) (i32.and (i32.shr_u (local.get $key) (i32.const 4)) (i32.const 15))))
      (call $set (i32.const 1024) (i32.const 8) (i32.const 2048) (i32.const 60_000) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then (return (call $error (i32.const 3) (i32.const 1024) (i32.const 0)))))
      (local.set $key (i32.add (local.get $key) (i32.const 1)))
      (br $next))
    unreachable))
