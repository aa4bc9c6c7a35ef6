"""Full-pass statistics of every split: mergeable accumulators, and partitions by hash where rows are compared."""
