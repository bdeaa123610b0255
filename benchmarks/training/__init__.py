"""Training steps beside those of other libraries, on the same weights, data and optimizer."""
