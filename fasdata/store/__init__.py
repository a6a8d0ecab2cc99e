"""The packed store: LMDB shards with one writer and lazy readers, and tables derived from them."""
