"""Keras: families of networks, preprocessing in the graph, the training loop, export."""
