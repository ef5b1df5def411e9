;; Wants a function of the host with another type than it has.
(component
  (type $config (instance (export "get" (func (param "key" u64) (result u64)))))
  (import "tandem:service/config@0.1.0" (instance (type $config))))
