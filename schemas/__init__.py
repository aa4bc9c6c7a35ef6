"""The contracts of the house: pipeline file, artifacts, features, serving signatures. Imports nothing heavy."""
