"""The playground: networks in training, each in a process of its own, watched from a page."""
