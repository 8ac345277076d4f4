"""What `wm_ros` does on the command line: one module per command, heavy imports inside the functions."""
