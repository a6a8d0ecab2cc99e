"""Methods side by side on the same data, beside what was published."""
