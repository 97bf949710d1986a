"""A metric in one module: how much brighter the generated frames are than the real ones."""

from __future__ import annotations

from bench import Metric, MetricSpec, Outcome

SPEC = MetricSpec(
    name="plugin-metric",
    title="Brightness error",
    implementation="plugin_example.metric:Brightness",
    direction="lower",
    family="pixel",
    formula="mean over frames of |mean(generated) - mean(real)|",
    unit="grey levels",
    range=(0.0, 255.0),
)


class Brightness(Metric):
    """Mean absolute difference of the frames' mean grey level."""

    spec = SPEC

    def start(self, clip):
        self.total, self.frames = 0.0, 0

    def update(self, frame):
        self.total += abs(float(frame.generated.mean()) - float(frame.reference.mean()))
        self.frames += 1

    def finish(self):
        return {"whole": Outcome(self.total / self.frames, self.frames)}
