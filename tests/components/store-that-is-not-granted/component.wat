;; Uses a store that it was not granted, and insists.
(module
  (import "tandem:service/store@0.1.0" "get" (func $get (param i32 i32 i32)))
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $get (i32.const 1024) (i32.const 8) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then unreachable))
    (call $output (i32.const 0) (i32.const 0))))
