"""Protocol names, recipes, and the manifests built from them."""
