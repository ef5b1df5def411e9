;; Polls one timer that never ends, a million times at once.
(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $list i32) (local $timer i32) (local $index i32)
    (local.set $timer (call $timer (i64.const 1_000_000_000_000)))
    (local.set $list (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 4_000_000)))
    (loop $next
      (i32.store (i32.add (local.get $list) (i32.shl (local.get $index) (i32.const 2))) (local.get $timer))
      (br_if $next (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 1_000_000))))
    (call $poll (local.get $list) (i32.const 1_000_000) (i32.const 64))
    unreachable))
