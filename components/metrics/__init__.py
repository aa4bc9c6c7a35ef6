"""Metrics as mergeable tallies: exact integers, so that every sharding and order of merging gives the same report.

A tally counts the sample and its bootstrap replicates at once: row 0 of every array is the sample itself, the others
are replicates (see `bootstrap.py`). A metric is then one vectorized formula over the rows.
"""
