"""Many runs as one piece of work: a grid of methods, protocols, settings and seeds, wherever they are carried out."""
