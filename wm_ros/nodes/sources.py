"""Where a node's latents come from: its own camera and encoder, or another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image, spare_bytes
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.tensor import decode_tensor
from wm_ros.messages.views import joined, split
from wm_ros.nodes.interfaces import Source
from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.tensor_messages import tensor_message
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.qos import OUTPUT, RELIABILITY_CHOICES, STREAM, image_qos
from wm_ros.ros.stream import Stream
from wm_ros.ros.stream_set import ImageSet, StreamSet
from wm_ros.safety.repeated_frames import RepeatedFrames

if TYPE_CHECKING:
    from torch import Tensor


class CameraSource(Source):
    """Frames of the profile's cameras, raw or compressed, encoded here and published on `latent`.

    Of several cameras, what is encoded are frames of one moment, side by side.
    """

    _node: ModelNode

    PARAMETERS = (
        Parameter(
            "image_transport",
            "",
            "How images arrive, of all cameras; empty: as the profile says.",
            choices=("", "raw", "compressed"),
            read_only=True,
        ),
        Parameter(
            "image_reliability",
            "best_effort",
            "Reliability of the image subscription.",
            choices=RELIABILITY_CHOICES,
            read_only=True,
        ),
        Parameter("image_depth", 1, "Queue of the image subscription.", range=(1, 100), read_only=True),
        Parameter(
            "frozen_camera_s",
            0.0,
            "Frames with new stamps but the pixels of one before are used for this long; 0: never. Not checked where "
            "the profile says `noise: false` of its camera.",
            range=(0.0, 60.0),
            read_only=True,
        ),
    )

    def __init__(self, node: ModelNode):
        from wm_ros.stages.encode import Encode

        super().__init__(node)
        self._encode = Encode(node.model)
        self._publisher = node.advertise(Image, "latent", OUTPUT)
        self._sizes: tuple[tuple[int, ...], ...] | None = None

    def warm_up(self) -> None:
        self._encode.warm_up()

    def subscribe(
        self, on_message: Callable[[Any], None], on_restart: Callable[[], None]
    ) -> Stream | StreamSet:
        node, cameras = self._node, self._node.profile.cameras
        self._sizes = None
        if len(cameras) == 1:
            return self._stream(0, on_message, on_restart)
        return StreamSet(
            node,
            [camera.name for camera in cameras],
            self._stream,
            on_message,
            on_restart,
            tolerance_s=node.profile.frames_apart_s,
            timeout_s=node.value("camera_timeout_s"),
        )

    def _stream(
        self, number: int, on_message: Callable[[Any], None], on_restart: Callable[[], None]
    ) -> Stream:
        node, camera = self._node, self._node.profile.cameras[number]
        transport = node.value("image_transport") or camera.transport
        compressed = transport == "compressed"
        return Stream(
            node,
            CompressedImage if compressed else Image,
            # Resolved first, so that a remapping of `image` also moves `image/compressed`.
            f"{node.resolve_topic_name(camera.topic)}/compressed" if compressed else camera.topic,
            image_qos(node.value("image_reliability"), node.value("image_depth")),
            on_message,
            on_restart,
            source=f"camera {camera.name}".strip(),
            fix=f"remap `{camera.topic}`, start the camera, or change image_transport (now {transport})",
            timeout_s=node.value("camera_timeout_s"),
            max_age_s=node.value("max_image_age_s"),
            repeated=RepeatedFrames(node.value("frozen_camera_s")) if camera.noise else None,
        )

    def read(self, message: Any) -> Tensor:
        """Latent of a frame of the same size as the first: another one would show another part of the scene."""
        messages = _messages(message)
        pictures = [decode_image(one, self._node.max_pixels) for one in messages]
        if self._sizes is None and (spare := max(map(spare_bytes, messages))):
            self._node.get_logger().warning(
                f"camera frames have {spare} bytes more than step x rows: only the first rows are used"
            )
        sizes = tuple(picture.shape[1::-1] for picture in pictures)
        self._sizes = self._sizes or sizes
        for camera, before, now in zip(self._node.profile.cameras, self._sizes, sizes, strict=True):
            if now != before:
                raise ImageError(
                    "the camera{} changed from {}x{} to {}x{} pixels: set its resolution back, or deactivate and "
                    "activate this node".format(f" {camera.name}".rstrip(), *before, *now)
                )
        return self._encode(joined(pictures))

    def picture(self, message: Any) -> np.ndarray:
        """What a frame shows, or a goal, [H, W, 3] uint8 RGB; of several cameras side by side."""
        return joined([decode_image(one, self._node.max_pixels) for one in _messages(message)])

    def publish(self, header: Header, latent: Tensor) -> None:
        self._publisher.publish(tensor_message(header, latent))
        self._node.record_latency("latent", to_ns(header.stamp), "use a smaller encoder or a faster device")


def _messages(message: Any) -> tuple[Any, ...]:
    return message.messages if isinstance(message, ImageSet) else (message,)


class LatentSource(Source):
    """Latents of another process, which must use the same checkpoint."""

    _node: ModelNode

    def subscribe(self, on_message: Callable[[Any], None], on_restart: Callable[[], None]) -> Stream:
        return Stream(
            self._node,
            Image,
            "latent",
            STREAM,
            on_message,
            on_restart,
            source="latents",
            fix="start encoder_node or pipeline_node, or remap `latent`",
            timeout_s=self._node.value("camera_timeout_s"),
            max_age_s=self._node.value("max_image_age_s"),
        )

    def read(self, message: Image) -> Tensor:
        import torch

        model = self._node.model
        array = decode_tensor(message)
        expected = (model.encoder.tokens, model.encoder.dim)
        if array.shape != expected:
            raise ImageError(
                f"latent is {list(array.shape)}, this checkpoint makes {list(expected)}: "
                "give both nodes the same checkpoint"
            )
        return torch.tensor(array, device=model.device)


def image_encoder(node: ModelNode) -> Callable[[Any], Tensor]:
    """Function from an Image or CompressedImage to its latent [N, D]; it raises ImageError."""
    from wm_ros.stages.encode import Encode

    stage, views = Encode(node.model), node.model.encoder.views

    def encode(message: Any) -> Tensor:
        picture = decode_image(message, node.max_pixels)
        split(picture, views)  # says what is wrong with it
        return stage(picture)

    return encode
