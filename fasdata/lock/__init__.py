"""What a library holds, in hashes: written down once, compared ever after."""
