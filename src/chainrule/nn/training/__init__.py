"""Training: epochs over data, what follows each, and what is reported."""
