"""What is counted of events, profiles and open pages; plain numbers, for they are on the hot paths."""

from collections import Counter

from origin.histogram import Histogram

_APPEND_S = (0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_PUSH_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
READS = ("found", "none", "failed")
"""Outcomes of reading a profile."""
TRANSPORTS = ("sse", "websocket")


class EventCounts:
    """Of events taken in."""

    def __init__(self) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.withheld = 0
        self.rejected: Counter[str] = Counter()
        """By code."""
        self.append_failures = 0
        self.append_seconds = Histogram(_APPEND_S)


class LiveCounts:
    """Of open pages and of what was pushed to them."""

    def __init__(self) -> None:
        self.open: Counter[str] = Counter(dict.fromkeys(TRANSPORTS, 0))
        self.pushes: Counter[str] = Counter(dict.fromkeys(TRANSPORTS, 0))
        self.push_seconds = Histogram(_PUSH_S)
