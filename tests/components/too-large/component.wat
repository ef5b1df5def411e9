;; More bytes than any component may have.
(component)
