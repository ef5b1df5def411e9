;; Asks for a secret that the operator has and that it was not granted.
(module
  (import "tandem:service/secrets@0.1.0" "get" (func $secret (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $secret (i32.const 1024) (i32.const 5) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then unreachable))
    (call $output (i32.const 1030) (i32.const 4)))
  (data (i32.const 1024) "OTHER none"))
