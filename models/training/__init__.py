"""Training: batches from transformed examples, one loop for every tf.distribute strategy, checkpoints, curves."""
