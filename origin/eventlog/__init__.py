"""The event log: where an acknowledged event is safe."""
