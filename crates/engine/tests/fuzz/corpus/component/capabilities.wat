(module
  (import "tandem:service/config@0.1.0" "get" (func $config (param i32 i32 i32)))
  (import "tandem:service/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "tandem:service/store@0.1.0" "increment" (func $increment (param i32 i32 i64 i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  ;; @include guest.wat
  (func (export "run") (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $config (local.get 4) (local.get 5) (i32.const 64))
    (call $log (i32.const 2) (local.get 4) (local.get 5))
    (call $increment (local.get 4) (local.get 5) (i64.const 7) (i32.const 80))
    (drop (call $timer (i64.const 1)))
    (call $random (i64.const 8) (i32.const 96))
    (call $error (i32.const 1) (local.get 4) (local.get 5))))
