"""The same pipeline on an orchestrator that is there: files for Airflow, Kubeflow Pipelines, Kubernetes, systemd.

What is written only calls the command line: `run-node` where the orchestrator takes the steps one by one, `run` or
`schedule` where it does not. So it needs nothing of ours to be read, and no password stands in it: a lineage elsewhere
is named by the environment variable TRAINWORKS_LINEAGE of the process.
"""
