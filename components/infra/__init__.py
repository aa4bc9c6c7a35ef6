"""A candidate on trial: what its graph asks of a server, and how it answers in one."""
