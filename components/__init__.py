"""The steps of the pipeline, one a file, each with inputs, outputs, parameters and one `run`."""
