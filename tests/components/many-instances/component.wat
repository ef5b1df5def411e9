;; Consists of more instances than a component may.
(component
  (core module $m (table 1 funcref))
  ;; @repeat 40 (core instance (instantiate $m))
)
