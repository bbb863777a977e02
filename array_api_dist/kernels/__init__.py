"""torch made to mean what the standard says, on one tensor: no ranks, no partitions."""
