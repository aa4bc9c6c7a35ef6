"""Watching a served model: what it is asked and answers, against what it learned and how it was judged."""
