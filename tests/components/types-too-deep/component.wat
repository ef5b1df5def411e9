;; Has a type in a type in a type, deeper than a component's types may be.
(component
  (type $t0 (list u8))
  ;; @repeat 200 (type (list @))
)
