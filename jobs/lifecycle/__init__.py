"""What may happen to a job, one verb a file; `transition` owns the guarded UPDATE under all of them."""
