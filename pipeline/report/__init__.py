"""One run as a page: what it did, what stopped it, how good the model is, what the data are like."""
