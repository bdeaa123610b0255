"""Functions compiled: traced once, emitted as source, handed to what runs it fast."""
