"""Networks from outside: what is declared of them, how their files are opened, and how they score."""
