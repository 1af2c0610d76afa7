"""From waiting frames to stored measurements and trends: one batch at a time, in one worker thread.

A frame is acknowledged only after its measurement is stored. A minute's trend is folded again from stored
measurements whenever its minute is over or a late frame falls into it, so it is right whatever order frames
come in. Late frames are acknowledged after their minute is folded; of the running minute a crash costs nothing,
because at a box's next greeting every minute since its last trend is folded.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from opq.clock import MINUTE_NS, Clock
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.boxes import BoxSeen
from opq.model.features import FEATURE_INDEX, FeatureFrame
from opq.model.measurements import MEAN, Measurement, Trend, fold_frames, fold_trend
from opq.rpc.frames import decode_frame, peek_sequence
from opq.store import Store
from opq_ingest.checks import check_time

_FOLDS_PER_BATCH = 15
"""Minutes of live boxes end all at once; their trends are spread over the batches that follow."""
_READ_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame as it came."""

    box_id: BoxId
    data: bytes


@dataclass(slots=True)
class Outcome:
    """What became of a batch; positions are those of the batch."""

    frames: dict[int, FeatureFrame] = field(default_factory=dict)
    """Stored frames."""
    errors: dict[int, tuple[int, InvalidInput]] = field(default_factory=dict)
    """Refused frames: sequence (0 if unreadable) and reason."""
    new: int = 0
    """Frames that were not stored before."""


class Recorder:
    """Decodes, checks, folds and stores. Not safe for several threads at once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._minute: dict[BoxId, int] = {}
        self._due: OrderedDict[tuple[BoxId, int], None] = OrderedDict()
        self._seen: dict[BoxId, BoxSeen] = {}

    def record(self, batch: Sequence[Waiting]) -> Outcome:
        """Store a batch; raises `Unavailable` if the store is away, and then nothing is lost by calling again."""
        outcome = self._decode(batch)
        rows = fold_frames(list(outcome.frames.values()))
        if rows:
            outcome.new = self._store.measurements.add(rows)
        late = self._note_minutes(rows)
        live = [self._due.popitem(last=False)[0] for _ in range(min(len(self._due), _FOLDS_PER_BATCH))]
        try:
            self._fold(late + live)
        except BaseException:
            self._due.update(dict.fromkeys(late + live))
            raise
        self._note_seen(rows)
        return outcome

    def greet(self, box_ids: Iterable[BoxId]) -> None:
        """Fold every minute of boxes that was over before they connected and has no trend yet."""
        for box_id in box_ids:
            self._greet(box_id)

    def _greet(self, box_id: BoxId) -> None:
        latest = self._store.trends.latest(box_id)
        since = latest.start_unix_ns + MINUTE_NS if latest else 0
        while True:
            rows = self._store.measurements.range(box_id, since, 2**63 - 1, _READ_LIMIT)
            minutes = sorted({row.start_unix_ns // MINUTE_NS * MINUTE_NS for row in rows})
            if len(minutes) < 2:
                return
            self._fold([(box_id, minute) for minute in minutes[:-1]])
            since = minutes[-1]
            if len(rows) < _READ_LIMIT:
                return

    def take_seen(self) -> list[BoxSeen]:
        """Return the newest values of boxes heard of since the last call."""
        # Swapped and not emptied: the recording thread goes on noting meanwhile.
        seen, self._seen = self._seen, {}
        return list(seen.values())

    @property
    def folds_due(self) -> int:
        """Trends that wait to be folded."""
        return len(self._due)

    def _decode(self, batch: Sequence[Waiting]) -> Outcome:
        outcome = Outcome()
        now = self._clock.unix_ns()
        for position, waiting in enumerate(batch):
            try:
                frame = decode_frame(waiting.box_id, waiting.data)
                check_time(frame, now)
            except InvalidInput as error:
                outcome.errors[position] = (peek_sequence(waiting.data), error)
            else:
                outcome.frames[position] = frame
        return outcome

    def _note_minutes(self, rows: list[Measurement]) -> list[tuple[BoxId, int]]:
        """Note which minutes are over; return those in which a late frame fell."""
        late: dict[tuple[BoxId, int], None] = {}
        for row in rows:
            minute = row.start_unix_ns // MINUTE_NS * MINUTE_NS
            current = self._minute.get(row.box_id, minute)
            if minute < current:
                late[row.box_id, minute] = None
            elif minute > current:
                self._due[row.box_id, current] = None
            self._minute[row.box_id] = max(current, minute)
        return list(late)

    def _fold(self, minutes: list[tuple[BoxId, int]]) -> None:
        trends: list[Trend] = []
        for box_id, minute in minutes:
            rows = self._store.measurements.range(box_id, minute, minute + MINUTE_NS, _READ_LIMIT)
            if rows:
                trends.append(fold_trend(box_id, minute, rows))
        if trends:
            self._store.trends.put(trends)

    def _note_seen(self, rows: list[Measurement]) -> None:
        now = self._clock.unix_ns()
        for row in rows:
            end = row.start_unix_ns + row.duration_ns
            known = self._seen.get(row.box_id)
            if known is None or end > known.last_frame_unix_ns:
                mean = row.values[MEAN]
                values = float(mean[_U]), float(mean[_F]), float(mean[_THD])
                self._seen[row.box_id] = BoxSeen(row.box_id, end, now, *values)
            else:
                self._seen[row.box_id] = replace(known, heard_unix_ns=now)


_U, _F, _THD = (FEATURE_INDEX[name] for name in ("u_rms_v", "f_hz", "thd_pct"))
