"""The HTML kit of both packages: self-contained pages without script or network, for screens, phones and paper."""
