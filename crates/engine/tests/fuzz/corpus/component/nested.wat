(component
  (type $types (instance
    (type $kind (enum "invalid-input" "not-ready" "unavailable" "failed"))
    (type $record (record (field "kind" $kind) (field "message" string)))
    (export "f" (func (param "a" (list (tuple u8 f64))) (result (result (option string) (error $kind)))))))
  (component $inner
    (core module $m (memory (export "m") 1) (func (export "run")))
    (core instance $i (instantiate $m))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $one (instantiate $inner))
  (export "run" (func $one "run")))
