"""Export: a SavedModel that takes what a client has and answers in the label's own words."""
