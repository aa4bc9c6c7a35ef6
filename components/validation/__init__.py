"""What SchemaGen infers and ExampleValidator checks, one subject a file. Nothing here imports TensorFlow or Beam."""
