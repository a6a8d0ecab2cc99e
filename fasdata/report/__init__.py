"""The dataset report: what extracted stores hold, section by section."""
