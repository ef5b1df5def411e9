;; One function of a megabyte, all of it one expression.
(module
  ;; @include guest.wat
  (func $f (param i32) (result i32)
    (local.get 0)
    ;; @repeat 100000 (i32.mul (local.get 0)) (i32.add (i32.const @))
  )
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (drop (call $f (i32.const 1)))
    (call $output (i32.const 0) (i32.const 0))))
