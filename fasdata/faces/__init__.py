"""Detection, the choice of a face, fallbacks, templates and warps."""
