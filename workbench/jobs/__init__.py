"""File jobs that survive the program: what is stored of each, on disk before it counts as done.

`store.JobStore` makes, opens, lists, removes and cleans up jobs; `job.Job` is one that this process works on.
"""
