"""The distributed algorithms, one file per communication pattern. They see Blocks, never Arrays."""
