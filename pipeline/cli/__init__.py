"""The command line. Its console command is `trainworks`."""

from pipeline.cli.main import main

__all__ = ["main"]
