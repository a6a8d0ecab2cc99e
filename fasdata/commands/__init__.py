"""The verbs of the `fasdata` command, a file each: they read options, call other rooms and print."""
