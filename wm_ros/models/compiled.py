"""torch.compile for a model that drives: everything before it is needed, and an error should more be needed then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.views import per_view

# Each number of observed frames, and the last of several chunks of candidates, is a shape of its own.
MOST_SHAPES = 64
# The first compiles; on a GPU the next record what is replayed from then on.
WARM_UP_CALLS = 3


class CompileError(RuntimeError):
    """Nothing could be compiled; the message says what is missing."""


class Compiled:
    """A function of tensors, compiled for the shapes it is called with while `warming_up`, an error for others after.

    On a GPU calls are CUDA graphs: the results are copied out of their memory, since the next call writes there. Use it
    on one thread only.
    """

    def __init__(self, function: Callable[..., Any], device: torch.device, whole: bool = True) -> None:
        """whole: all of it must compile; else what cannot be compiled runs as it is, in between."""
        if not hasattr(torch.compiler, "set_stance"):
            raise CompileError(f"`compile` needs torch 2.6, this is {torch.__version__}: set it to false")
        self._graphs = device.type == "cuda"
        mode = "reduce-overhead" if self._graphs else None
        self._function = torch.compile(function, dynamic=False, fullgraph=whole, mode=mode)
        self._warming_up = False

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """Inside, every new shape is compiled."""
        self._warming_up = True
        try:
            yield
        finally:
            self._warming_up = False

    def __call__(self, *arguments: Any) -> Any:
        if self._graphs:
            torch.compiler.cudagraph_mark_step_begin()
        if self._warming_up:
            result = self._compile(*arguments)
        else:
            with torch.compiler.set_stance("fail_on_recompile"):
                result = self._function(*arguments)
        return pytree.tree_map(Tensor.clone, result) if self._graphs else result

    def _compile(self, *arguments: Any) -> Any:
        import torch._dynamo

        try:
            with torch._dynamo.config.patch(recompile_limit=MOST_SHAPES):
                return self._function(*arguments)
        except Exception as error:  # of many kinds, by what is missing
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            needs = (
                "Triton, which comes with torch for CUDA" if self._graphs else "a C++ compiler: install g++"
            )
            raise CompileError(
                f"torch.compile failed: {str(error).strip()}\nIt needs {needs}; or set `compile` to false"
            ) from error


def warm_up(function: Callable[..., Any], call: Callable[[], object]) -> None:
    """Call until `function`, which the call leads to, has nothing left to compile; once is enough where it is not
    compiled."""
    if not isinstance(function, Compiled):
        call()
        return
    with function.warming_up():
        for _ in range(WARM_UP_CALLS):
            call()


def compiled_encoder(encoder: Encoder) -> Compiled:
    """The network of an encoder, what comes after cropping and resizing, which from now on it uses compiled."""
    encoder = per_view(encoder)  # of several cameras: their pictures are its batch
    network: object = encoder.from_images
    if isinstance(network, Compiled):
        return network
    device = next((tensor.device for tensor in encoder.parameters()), torch.device("cpu"))
    compiled = Compiled(encoder.from_images, device, whole=False)
    setattr(encoder, "from_images", compiled)  # noqa: B010  in place of the method
    return compiled
