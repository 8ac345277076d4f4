"""The guard as its callers see it: arm it, stop it, wait until it has stopped."""

from __future__ import annotations

import time

from wm_ros.ros.graph_client import GraphClient, NodeError

DRIVER_S, STOP_S = 5.0, 10.0


class GuardClient:
    """Calls the services of the node `guard` and reads its state from the diagnostics."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    @property
    def state(self) -> str:
        """idle, waiting, active, stopping, holding or stopped, as last reported."""
        return self._client.status.get("guard", {}).get("guard", "")

    @property
    def message(self) -> str:
        """What the guard last said in the diagnostics: for example why it stopped."""
        return self._client.status.get("guard", {}).get("message", "")

    def start(self) -> None:
        """Arm the guard: it follows plans from now on. NodeError with the guard's reason when it refuses.

        A driver that the guard has not found yet is waited for.
        """
        deadline_s = time.monotonic() + DRIVER_S
        response = self._client.call("guard/start")
        while response.message.startswith("nobody listens") and time.monotonic() < deadline_s:
            self._client.spin_once()
            response = self._client.call("guard/start")
        if not response.success:
            raise NodeError(f"the guard does not start: {response.message}")
        self._client.until(lambda: self.state not in ("idle", "stopped"), "the guard to be armed", STOP_S)

    def await_motion(self, timeout_s: float) -> None:
        """Wait until the guard follows a plan."""
        self._client.until(lambda: self.state == "active", "the guard to get a plan", timeout_s)

    def stop(self) -> None:
        """Have the guard ramp down now."""
        self._client.call("guard/stop")

    def await_stopped(self) -> None:
        """Wait for the end of the stop: the robot stands, the guard is silent and can be armed again."""
        self._client.until(lambda: self.state in ("idle", "stopped"), "the guard to stop", STOP_S)
