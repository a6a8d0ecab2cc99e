"""The commands and Python of the documents, and running them: what stands in a document is what was tried.

A fenced block of `sh` or `python`, and an indented or untagged one that begins with a program, is run. A comment right
before it changes that:

    <!-- not run: WHY -->    it cannot be run here; the reason is for the reader of the source
    <!-- dry run: WHY -->    each command of ours gets `--dry-run`: names, settings and data are checked, nothing is trained
    <!-- exit N -->          the block ends with this exit code
    <!-- quick -->           it is run by `make test` too, in an empty folder
    <!-- file: NAME -->      the block is the content of this file; of any language

`/mnt/NAME` in a command stands for the synthetic copy of the dataset NAME.
"""
