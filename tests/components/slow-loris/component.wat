;; Asks a server that sends one byte of its answer at a time.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (drop (call $get (local.get $input) (local.get $input-len)))
    unreachable))
