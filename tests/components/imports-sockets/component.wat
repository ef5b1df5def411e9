;; Wants a socket, which a `strict` component may not even import.
(component
  (type $network (instance (export "network" (type (sub resource)))))
  (import "wasi:sockets/network@0.2.12" (instance (type $network))))
