"""robustdial: train once, dial at test time."""
