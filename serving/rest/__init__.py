"""The REST front: TF Serving's API v1, https://www.tensorflow.org/tfx/serving/api_rest."""
