;; Wants an interface that nobody has.
(component
  (type $shell (instance (export "execute" (func (param "command" string)))))
  (import "host:system/shell@1.0.0" (instance (type $shell))))
