;; More functions than any component may have. Compiling them would take minutes of all processors, in which nothing could stop it.
(component
  (core module
    ;; @repeat 100001 (func)
  ))
