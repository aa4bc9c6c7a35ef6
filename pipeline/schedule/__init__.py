"""The retraining daemon: what is due, who may run it, and the process that does.

Starts (fire times, requests) are rows of the lineage's database, so that several daemons see the same ones and none is
lost with a daemon. Who has a pipeline's lease runs it; the run is a process of its own.
"""
