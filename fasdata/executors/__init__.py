"""Where the work on clips runs."""
