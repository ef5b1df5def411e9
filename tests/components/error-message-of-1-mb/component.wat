;; Returns an error with a megabyte of message, which ends up in logs.
(module
  ;; @include guest.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $message i32)
    (local.set $message (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1_000_000)))
    (memory.fill (local.get $message) (i32.const 120) (i32.const 1_000_000))
    (call $error (i32.const 3) (local.get $message) (i32.const 1_000_000))))
