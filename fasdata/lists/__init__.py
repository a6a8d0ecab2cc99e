"""Lists of other projects: reading them, finding the clips they mean, writing them."""
