;; Subscribes to timers for ever, and drops none.
(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (loop $again
      (drop (call $timer (i64.const 1_000_000_000_000)))
      (br $again))
    unreachable))
