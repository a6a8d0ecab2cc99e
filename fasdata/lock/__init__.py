"""`fas.lock`: the hashes of what a library holds, written once and compared later."""
