"""What was made from what: runs, executions and artifacts in ML Metadata's own relational schema, version 10.

`store.Lineage` is the door; `records` holds what comes out of it. ML Metadata's client opens the same database.
"""
