;; Tries every header that would let it say where a request ends or whom it is for. All must be refused, and the request must be as if none had been there:
;; the server sends back what it saw.
(module
  ;; @include http.wat
  (func $try (param $fields i32) (param $name i32) (param $name-len i32) (param $value i32) (param $value-len i32)
    (call $append (local.get $fields) (local.get $name) (local.get $name-len) (local.get $value) (local.get $value-len) (i32.const 32))
    (if (i32.eqz (i32.load8_u (i32.const 32))) (then unreachable)))
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $fields i32)
    (local.set $fields (call $fields))
    (call $try (local.get $fields) (i32.const 1100) (i32.const 4) (i32.const 1200) (i32.const 12))
    (call $try (local.get $fields) (i32.const 1110) (i32.const 17) (i32.const 1220) (i32.const 7))
    (call $try (local.get $fields) (i32.const 1130) (i32.const 10) (i32.const 1220) (i32.const 7))
    (call $try (local.get $fields) (i32.const 1150) (i32.const 19) (i32.const 1220) (i32.const 7))
    (call $try (local.get $fields) (i32.const 1170) (i32.const 7) (i32.const 1230) (i32.const 18))
    (call $try (local.get $fields) (i32.const 1180) (i32.const 12) (i32.const 1220) (i32.const 7))
    (call $output (global.get $last) (call $read-all (call $response (call $send
      (call $request (local.get $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1))))))
    drop
    (call $output (global.get $last) (i32.load (i32.const 24))))
  (data (i32.const 1100) "Host")
  (data (i32.const 1110) "Transfer-Encoding")
  (data (i32.const 1130) "Connection")
  (data (i32.const 1150) "Proxy-Authorization")
  (data (i32.const 1170) "x-plain")
  (data (i32.const 1180) "x-na\0d\0ame: x")
  (data (i32.const 1200) "evil.example")
  (data (i32.const 1220) "chunked")
  (data (i32.const 1230) "a\0d\0aHost: b.example"))
