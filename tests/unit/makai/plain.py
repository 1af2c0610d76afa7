"""The detectors once more, window by window in plain Python: slow, and plain to see that it is what is documented."""

from dataclasses import dataclass, field
from math import pi, sqrt

from opq.clock import HOUR_NS, NS
from opq.model.boxes import Box
from opq.model.features import WindowFlag

METRICS = ("u_rms_half_min_v", "u_rms_half_max_v", "f_hz", "thd_pct", "transient_peak_v")
THRESHOLD, MEMORY_NS, LEARN_NS, FREEZE_S = 3.0, 120 * NS, 30 * NS, 30
UNFIT = int(WindowFlag.VOLTAGE_LOST | WindowFlag.GAP)


@dataclass
class Habit:
    """What is known of one metric of one box."""

    floor: float
    mean: float | None = None
    deviation: float = 0.0
    frozen_since: int = 0
    usual: dict[int, float] = field(default_factory=dict)
    steps: list[float] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)
    hit: bool = False


class PlainBox:
    """One box: feed it its windows in order, get (metric, kind, sign) of each that is off."""

    def __init__(self, box: Box) -> None:
        u, limits = box.nominal.u_din_v, box.limits
        floors = (0.002 * u, 0.002 * u, 0.005, 0.2, 0.002 * u)
        self.habits = {metric: Habit(floor) for metric, floor in zip(METRICS, floors, strict=True)}
        self.limits = (
            ("u_rms_half_min_v", -1, u * limits.u_low_pu, False),
            ("u_rms_half_max_v", 1, u * limits.u_high_pu, False),
            ("f_hz", -1, box.nominal.f_hz - limits.f_deviation_hz, True),
            ("f_hz", 1, box.nominal.f_hz + limits.f_deviation_hz, True),
            ("thd_pct", 1, limits.thd_pct, True),
            ("transient_peak_v", 1, u * limits.transient_pu, True),
        )
        self.last_ns = self.learned_ns = self.span_ns = self.second = 0
        self.usual_ns: dict[int, float] = {}

    def feed(self, start_ns: int, duration_ns: int, flags: int, values: dict[str, float]) -> list[tuple[str, str, int]]:
        """Judge one window."""
        fit = not flags & UNFIT
        found = [
            (metric, "hard", sign)
            for metric, sign, limit, needs_fit in self.limits
            if sign * (values[metric] - limit) > 0 and (fit or not needs_fit)
        ]
        if fit and start_ns > self.last_ns:
            found += self._habit(start_ns, duration_ns, values)
        return found

    def _habit(self, start_ns: int, duration_ns: int, values: dict[str, float]) -> list[tuple[str, str, int]]:
        second = start_ns // NS
        if second != self.second:
            if self.last_ns:
                self._learn()
            self.second, self.span_ns = second, 0
        armed = self.learned_ns >= LEARN_NS
        found = []
        for metric, habit in self.habits.items():
            value = values[metric]
            if habit.mean is None:
                habit.mean = value
            band = THRESHOLD * self._spread(habit, second)
            step = value - habit.mean
            if metric == "thd_pct" and value == 0:
                step = 0.0
            triggered = armed and abs(step) >= band
            stays = habit.frozen_since > 0 and second - habit.frozen_since >= FREEZE_S
            if triggered:
                found.append((metric, "soft", 1 if step > 0 else -1))
                habit.hit = True
            if stays or not armed:
                habit.steps.append(step)
                habit.moves.append(abs(step))
            else:
                if not triggered:
                    habit.steps.append(step)
                habit.moves.append(min(abs(step), band))
        self.last_ns, self.span_ns = start_ns, self.span_ns + duration_ns
        return found

    def _spread(self, habit: Habit, second: int) -> float:
        usual = habit.usual.get(second // 3600 % 24, 0.0)
        return max(sqrt(pi / 2) * max(habit.deviation, usual), habit.floor)

    def _learn(self) -> None:
        span = self.span_ns
        weight = max(span / MEMORY_NS, span / max(self.learned_ns + span, 1))
        hour = self.second // 3600 % 24
        known = self.usual_ns.get(hour, 0.0)
        of_hour = max(span / (7 * HOUR_NS), span / max(known + span, 1))
        for habit in self.habits.values():
            step = sum(habit.steps) / max(len(habit.steps), 1)
            move = sum(habit.moves) / max(len(habit.moves), 1)
            stays = habit.frozen_since > 0 and self.second - habit.frozen_since >= FREEZE_S
            assert habit.mean is not None
            habit.mean += (1.0 if stays else weight) * step
            habit.deviation += weight * (move - habit.deviation)
            habit.frozen_since = 0 if stays or not habit.hit else habit.frozen_since or self.second
            usual = habit.usual.get(hour, 0.0)
            habit.usual[hour] = usual + of_hour * (habit.deviation - usual)
            habit.steps, habit.moves, habit.hit = [], [], False
        self.usual_ns[hour] = known + span
        self.learned_ns += span
