;; Consists of more instances than a component may.
(component
  (core module $m (table 1 funcref))
  ;; @repeat 70 (core instance (instantiate $m))
)
