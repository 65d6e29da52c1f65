"""Many processes and machines, on Dask: the same functions, and the same bytes, as in one process."""
