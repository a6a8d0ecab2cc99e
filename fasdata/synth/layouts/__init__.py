"""The plans of datasets: their clips, names and list files, as in the real layouts."""
