"""How scores hold when pictures get worse."""
