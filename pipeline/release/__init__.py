"""Decisions about pushed models: rolling back, promoting, and what may be deleted."""
