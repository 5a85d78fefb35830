"""Presets and trained priors, as data."""
