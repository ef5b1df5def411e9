;; A function that is larger than any may be: the compiler's time and memory grow faster than it.
(component
  (core module
    (func
      ;; @repeat 1050000 (nop)
    )))
