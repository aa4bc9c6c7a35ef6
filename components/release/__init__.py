"""What becomes of pushed versions: which serves, which was rolled back, and how the next one takes over."""
