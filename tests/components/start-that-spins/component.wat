;; Does not get as far as to be called.
(module
  ;; @include guest.wat
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    unreachable))
