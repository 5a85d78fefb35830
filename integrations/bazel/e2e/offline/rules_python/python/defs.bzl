"""Stands in for rules_python where there is no network: the native rules."""

py_binary = native.py_binary
py_library = native.py_library
py_test = native.py_test
