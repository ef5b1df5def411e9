;; Twenty thousand functions, each of which must be compiled.
(module
  ;; @include guest.wat
  ;; @repeat 20000 (func $f@ (param i32) (result i32) (i32.add (local.get 0) (i32.const @)))
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (call $output (i32.const 0) (i32.const 0))))
