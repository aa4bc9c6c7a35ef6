"""The measurements of README: each subject is a module with a `measure` function that yields rows of one table.

Every number is measured in one run on one machine: ours and the rival's processes take turns, fresh each time, and what
is compared is the median of their wall times. `make bench` runs all of them.
"""
