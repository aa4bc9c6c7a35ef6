"""Joining requests of many clients into batches."""
