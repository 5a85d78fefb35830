"""The built-in executors: threads and processes of this machine, dask and ray beyond it."""
