"""Messages made of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from wm_ros.messages.tensor import fill_tensor

if TYPE_CHECKING:
    from torch import Tensor


def tensor_message(header: Header, tensor: Tensor) -> Image:
    """A tensor [N, D] under the header of the frame it was made from."""
    return fill_tensor(Image(header=header), tensor.float().cpu().numpy())
