"""Beam transforms and accumulators behind the components, one subject a file; imported inside a component's `run`."""
