;; Says that its answer lies where it has no memory.
(module
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $output (i32.const 0xfffffff0) (i32.const 1000))))
