"""Telling people how a run ended, by webhook and mail. What cannot be told never changes how the run ended."""
