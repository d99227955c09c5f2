"""From the log to the profiles."""
