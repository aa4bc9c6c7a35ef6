"""Who may ask what, how often, and what is written down about it."""
