"""What papers claim: a ledger of published numbers, each with its paper, its table, and who quotes it."""
