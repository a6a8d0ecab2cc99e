"""The verbs of the `fasdata` command: flags in, words out; the work is done where the nouns live."""
