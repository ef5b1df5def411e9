;; Tries to end its line and to begin one of the node's, and to speak to the operator's terminal.
(module
  (import "tandem:service/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $log (i32.const 2) (i32.const 1024) (i32.const 62))
    (call $output (i32.const 0) (i32.const 0)))
  (data (i32.const 1024) "harmless\n2026-01-01T00:00:00Z ERROR tandem: forged\u{1b}[2J\u{1b}[1;1H"))
