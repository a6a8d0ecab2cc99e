"""The HTML kit of both packages: a self-contained page and its parts, without script or network, on phone and paper."""
