"""A style-based generator with disentangled levels, its training, and its folder."""
