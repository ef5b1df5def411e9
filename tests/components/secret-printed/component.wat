;; Prints its secret to the log, and returns it as an error.
(module
  (import "tandem:service/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "tandem:service/secrets@0.1.0" "get" (func $secret (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $secret (i32.const 1024) (i32.const 3) (i32.const 64))
    (call $log (i32.const 2) (i32.load (i32.const 68)) (i32.load (i32.const 72)))
    (call $error (i32.const 3) (i32.load (i32.const 68)) (i32.load (i32.const 72))))
  (data (i32.const 1024) "KEY"))
