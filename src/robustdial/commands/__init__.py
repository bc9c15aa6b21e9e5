"""What `robustdial` can do, one command per file."""
