"""What is served: SavedModels by name and version, loaded, warmed up, swapped and unloaded while calls go on."""
