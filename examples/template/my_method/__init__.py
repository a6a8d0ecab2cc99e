"""A face anti-spoofing method for fastrain."""
