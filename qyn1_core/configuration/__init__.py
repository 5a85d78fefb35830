"""Settings, and where they come from: presets, the project's own manifest, the environment, the command line."""
