"""The Array API standard over arrays that are partitioned across MPI ranks."""
