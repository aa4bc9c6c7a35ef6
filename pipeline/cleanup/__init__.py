"""What of a workspace and of served versions may go, and its deletion: `trainworks gc`."""
