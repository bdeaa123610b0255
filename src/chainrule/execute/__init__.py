"""Emitted source to callables: what runs a kernel, one module an executor."""
