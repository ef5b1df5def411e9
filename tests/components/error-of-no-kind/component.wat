;; Returns an error of a kind that there is not.
(module
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $error (i32.const 77) (i32.const 1024) (i32.const 0))))
