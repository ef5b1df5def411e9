;; Logs lines of a megabyte until it is stopped, with more fuel than time.
(module
  (import "tandem:service/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $line i32)
    (local.set $line (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1_000_000)))
    (memory.fill (local.get $line) (i32.const 120) (i32.const 1_000_000))
    (loop $next
      (call $log (i32.const 4) (local.get $line) (i32.const 1_000_000))
      (br $next))
    unreachable))
