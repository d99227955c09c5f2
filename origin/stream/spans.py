"""Spans of events on their way into profiles: "fold", from when an event came in until its profile was written.

They name kinds and partitions, never visitors or items: a trace goes to whoever runs the collector.
"""

from collections.abc import Sequence

from origin.eventlog.base import partition_in
from origin.stream.batch import Batch
from origin.tracing import Tracing


class FoldSpans:
    """Makes a span of every event that took effect and carries a sampled ``context.trace``, as a child of it."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def tell(self, batch: Batch, took: Sequence[bool], now_ms: int) -> None:
        """``batch`` has just been written; ``took`` says of each of its writes whether the store took it."""
        for write, taken in zip(batch.writes, took, strict=True):
            if not taken:
                continue
            partition = partition_in(write.position.source)
            for place, event in batch.places[write.visitor]:
                context = event.context
                if not context.trace or place in batch.idle:
                    continue
                received_ms = context.received_ms or batch.records[place].appended_ms
                self._tracing.past("fold", context.trace, received_ms, now_ms, kind=event.type, partition=partition)
