"""What nodes with a model share: a source of latents, stages behind it, one thread that owns the model."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from wm_ros.messages.compressed import ImageError
from wm_ros.nodes.interfaces import Source, Stage
from wm_ros.nodes.load_model import load_model
from wm_ros.printable import printable
from wm_ros.robots.profile import RobotProfile, load_profile
from wm_ros.ros.diagnostics import Level
from wm_ros.ros.latency import Latency
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.stream import Stream
from wm_ros.ros.stream_set import StreamSet
from wm_ros.ros.worker import Job, Worker

if TYPE_CHECKING:
    from torch import Tensor

    from wm_ros.models.planning_model import PlanningModel

WATCH_PERIOD_S = 0.2
STUCK_S = 5.0

PARAMETERS = (
    Parameter("profile", "arm", "Robot profile: a name in config/robots or a YAML file.", read_only=True),
    Parameter("checkpoint", "", "Checkpoint folder; empty: the packaged one of the profile.", read_only=True),
    Parameter("device", "cpu", "Torch device the model runs on: cpu, cuda, cuda:1.", read_only=True),
    Parameter("num_threads", 1, "Torch threads on the CPU.", range=(1, 256), read_only=True),
    Parameter(
        "compile",
        False,
        "Compile encoder and planner with torch.compile at activation, on a GPU to CUDA graphs; the first time takes "
        "minutes.",
        read_only=True,
    ),
    Parameter(
        "max_image_megapixels",
        16.0,
        "Camera frames and goal pictures that claim more pixels are refused before they are decoded.",
        range=(0.01, 1000.0),
        read_only=True,
    ),
    Parameter(
        "camera_timeout_s",
        1.0,
        "No usable frame for this long is an error.",
        range=(0.1, 60.0),
        read_only=True,
    ),
    Parameter(
        "max_image_age_s",
        1.0,
        "Older frames are dropped on arrival; 0: stamps are not compared with the clock (offline).",
        range=(0.0, 3600.0),
        read_only=True,
    ),
)


class ModelNode(ManagedNode):
    """A lifecycle node with a model, owned by one worker thread that also publishes what it makes.

    The subscription only puts the newest message into the worker's mailbox.
    """

    profile: RobotProfile
    source: Source
    stream: Stream | StreamSet | None = None
    frame: Any = None  # the message whose latent the stages are given
    goal: Any = None  # the message that shows where to go
    expected_end: Callable[[], Tensor | None] | None = (
        None  # the state in which the last plan is expected to end
    )

    def __init__(
        self, name: str, source: type[Source], stages: Sequence[type[Stage]] = (), **node_options: Any
    ):
        components: tuple[type[Source] | type[Stage], ...] = (source, *stages)
        parameters = [
            *PARAMETERS,
            *(parameter for component in components for parameter in component.PARAMETERS),
        ]
        super().__init__(name, parameters, **node_options)
        self._source_type = source
        self._stage_types = stages
        self._model: PlanningModel | None = None
        self._stages: list[Stage] = []
        self._unsupported: list[str] = []
        self._dropped: Counter[str] = Counter()
        self._latencies: dict[str, Latency] = {}
        self._cleanups: list[Callable[[], object]] = []
        self._worker = Worker(name, self._on_job_done)
        self._watch_timer: Any = None

    @property
    def model(self) -> PlanningModel:
        """There from `configure` to `cleanup`; RuntimeError at other times."""
        if self._model is None:
            raise RuntimeError(f"the model is loaded at configure, and the node is {self.state}")
        return self._model

    @property
    def max_pixels(self) -> int:
        """Of a picture that is decoded."""
        return round(1e6 * self.value("max_image_megapixels"))

    def configure(self) -> None:
        self.profile = load_profile(self.value("profile"))
        self._model = load_model(
            self.profile, self.value("checkpoint"), self.value("device"), self.value("num_threads")
        )
        reasons = {stage: stage.unsupported_reason(self.model) for stage in self._stage_types}
        self._unsupported = [reason for reason in reasons.values() if reason]
        if self._unsupported and all(reasons.values()):
            raise ValueError(
                f"there is nothing to do for this node: {'; '.join(self._unsupported)}. Do without it: the pipeline, "
                "or encoder and planner, work with this checkpoint"
            )
        self.source = self._source_type(self)
        self._stages = [stage(self) for stage, reason in reasons.items() if not reason]

    def activate(self) -> None:
        self._dropped.clear()
        self._latencies.clear()
        self._worker.start()
        if self.value("compile"):
            self._compile()
        for stage in self._stages:
            stage.open()
        self.stream = self.source.subscribe(self._on_message, self._on_restart)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._watch_timer = self.create_timer(WATCH_PERIOD_S, self._watch, clock=steady)

    def deactivate(self) -> None:
        if self._watch_timer is not None:
            self.destroy_timer(self._watch_timer)
            self._watch_timer = None
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        for stage in self._stages:
            stage.close()
        self._worker.stop()
        for stage in self._stages:
            stage.forget()

    def cleanup(self) -> None:
        self._stages = []
        self._model = self.expected_end = None
        while self._cleanups:
            self._cleanups.pop()()

    def advertise(self, message_type: type, topic: str, qos: QoSProfile) -> Publisher[Any]:
        """A publisher that lives until cleanup."""
        publisher: Publisher[Any] = self.create_publisher(message_type, topic, qos)
        self._cleanups.append(partial(self.destroy_publisher, publisher))
        return publisher

    def serve(self, service_type: type, name: str, answer: Callable[[Any, Any], Any]) -> None:
        """A service that lives until cleanup."""
        self._cleanups.append(partial(self.destroy_service, self.create_service(service_type, name, answer)))

    def enqueue(self, slot: str, job: Job) -> None:
        """Have the worker do this next, instead of what still waits in the slot."""
        if self._worker.submit(slot, job):
            self._dropped["replaced"] += 1

    def latency_s(self, stage: str) -> float | None:
        """Typical seconds from the camera's stamp to what the stage publishes; None before the first."""
        latency = self._latencies.get(stage)
        return None if latency is None else latency.percentile(50)

    def record_latency(self, stage: str, stamp_ns: int, fix: str) -> None:
        """What the stage made of the frame with this stamp was just published; `fix` is for when that is late."""
        if not self.value("max_image_age_s"):
            return
        latency = self._latencies.setdefault(stage, Latency())
        latency.add((self.get_clock().now().nanoseconds - stamp_ns) * 1e-9)
        p95, period = latency.percentile(95), self.profile.model_dt
        if p95 is not None and p95 > period:
            self.faults.set(
                f"{stage} latency",
                Level.WARN,
                f"camera to {stage} takes {p95:.3f} s (p95), longer than a model step of {period} s: {fix}",
            )
        else:
            self.faults.clear(f"{stage} latency")

    def summary(self) -> str:
        if self.stream is None or self.stream.newest is None:
            return "waiting for the first frame"
        said = [*(stage.summary() for stage in self._stages), *self._unsupported]
        return "; ".join(filter(None, said)) or "running"

    def diagnostic_values(self) -> Mapping[str, object]:
        figures: dict[str, object] = {"profile": self.profile.name, "device": self.value("device")}
        figures["latency_budget_ms"] = f"{1e3 * self.profile.model_dt:.0f}"
        dropped = Counter(self._dropped)
        if self.stream is not None:
            figures["input"] = self.stream.topic
            figures["received"] = self.stream.received
            figures["input_hz"] = f"{self.stream.rate.hz():.1f}"
            dropped.update(self.stream.dropped)
        for reason, count in sorted(dropped.items()):
            figures[f"dropped_{reason}"] = count
        for output, latency in list(self._latencies.items()):
            for percent in (50, 95):
                seconds = latency.percentile(percent)
                if seconds is not None:
                    figures[f"camera_to_{output}_ms_p{percent}"] = f"{1e3 * seconds:.1f}"
        for stage in self._stages:
            figures.update(stage.diagnostic_values())
        return figures

    def _compile(self) -> None:
        """On the thread that will use the result: what torch compiles belongs to one thread."""
        import torch

        if self.model.device.type == "cuda":
            torch.compiler.reset()  # the graphs of an earlier activation belong to its thread
        self.get_logger().info("compile: takes minutes, unless an earlier run left its results")
        began_s = time.monotonic()
        self._worker.run_and_wait(self.source.warm_up)
        for stage in self._stages:
            self._worker.run_and_wait(stage.warm_up)
        self.get_logger().info(f"compiled in {time.monotonic() - began_s:.0f} s")

    def _watch(self) -> None:
        if self.stream is not None:
            self.stream.check()
        for stage in self._stages:
            stage.check()
        busy_s = self._worker.busy_s()
        if busy_s > STUCK_S:
            message = (
                f"the model has worked on one frame for {busy_s:.0f} s: its device hangs or is overloaded"
            )
            self.faults.set("model", Level.ERROR, message)
        else:
            self.faults.clear("model")

    def _on_message(self, message: Any) -> None:
        self.enqueue("frame", partial(self._process, message))

    def _on_restart(self) -> None:
        self.enqueue("restart", self._restart)

    def _process(self, message: Any) -> None:
        latent = self.source.read(message)
        self.frame = message
        self.source.publish(message.header, latent)
        for stage in self._stages:
            stage(message.header, latent)

    def _restart(self) -> None:
        for stage in self._stages:
            stage.restart()

    def _on_job_done(self, slot: str, error: Exception | None) -> None:
        if error is None:
            self.faults.clear(slot)
        elif isinstance(error, ImageError):
            self._dropped["undecodable"] += 1
            self.faults.set(slot, Level.ERROR, str(error))
        elif self.faults.set(slot, Level.ERROR, f"{type(error).__name__}: {error}"):
            self.get_logger().error(printable("".join(traceback.format_exception(error))))
