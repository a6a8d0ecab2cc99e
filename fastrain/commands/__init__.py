"""The verbs of the `fastrain` command: flags in, words out; nothing heavy is imported before it is needed."""
