;; Has more memories than a component may consist of.
(component
  ;; @repeat 3 (core module $m@ (memory 1))
  ;; @repeat 3 (core instance (instantiate $m@))
  (core module $r (func (export "run")))
  (core instance $i (instantiate $r))
  (func (export "run") (canon lift (core func $i "run"))))
