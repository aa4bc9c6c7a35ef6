"""The gRPC front: TF Serving's services, health and reflection."""
