"""Side-by-side runs against peers: one command each, results as a table with the machine named."""
