;; A module, which is not made into a component.
(module
  (func (export "run")))
