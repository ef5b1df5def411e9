;; Hides a second request in the path of the first.
(module
  ;; @include http.wat
  (func (export "run") (param $id i32) (param $id-len i32) (param $workflow i32) (param $workflow-len i32) (param $input i32) (param $input-len i32) (result i32)
    (local $request i32)
    (local.set $request (call $new-request (call $fields)))
    (if (call $set-path (local.get $request) (i32.const 1) (i32.const 1032) (i32.const 40))
      (then (return (call $output (i32.const 1080) (i32.const 7)))))
    unreachable)
  (data (i32.const 1032) "/ HTTP/1.1\0d\0a\0d\0aGET /hidden HTTP/1.1\0d\0a\0d\0a")
  (data (i32.const 1080) "refused"))
