"""Kernels: loops that carry state, over numpy arrays; they know nothing of ours."""
