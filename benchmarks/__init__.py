"""Measures qyn1's modes and their peers on projects from the package registries."""
