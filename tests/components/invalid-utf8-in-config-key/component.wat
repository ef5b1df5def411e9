;; Asks for a setting whose name is no text.
(module
  (import "tandem:service/config@0.1.0" "get" (func $config (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $config (i32.const 1024) (i32.const 4) (i32.const 64))
    unreachable)
  (data (i32.const 1024) "\ff\fe\c0\80"))
