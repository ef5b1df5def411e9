;; Hides a second request in the method of the first.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $request i32)
    (local.set $request
      (call $request (call $fields) (local.get $input) (local.get $input-len) (i32.const 1024) (i32.const 1)))
    (if (call $set-method (local.get $request) (i32.const 9) (i32.const 1032) (i32.const 41))
      (then (return (call $output (i32.const 1080) (i32.const 7)))))
    (drop (call $response (call $send (local.get $request))))
    unreachable)
  (data (i32.const 1032) "GET / HTTP/1.1\0d\0a\0d\0aGET /hidden HTTP/1.1\0d\0a")
  (data (i32.const 1080) "refused"))
