"""`wm_ros status`: what the running nodes do, and why not, on one line each."""

from __future__ import annotations

from typing import Annotated

import typer


def status(
    once: Annotated[
        bool, typer.Option("--once", help="Print it once; exit code 1 when a node has an error.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0.5, help="Seconds to wait for the first node.")] = 5.0,
) -> None:
    """Show the running nodes: state, reason, age of the picture and latency against their limits, rates.

    Reads /diagnostics on the ROS_DOMAIN_ID of this shell, and touches nothing.
    """
    from rich.live import Live
    from rich.text import Text

    from wm_ros.commands.status_line import COLOURS, status_line
    from wm_ros.commands.terminal import Terminal
    from wm_ros.ros.graph_client import GraphClient
    from wm_ros.ros.lifecycle import HEARTBEAT_S

    def lines() -> Text:
        ours = {name: said for name, said in sorted(client.status.items()) if "state" in said}
        shown = [
            Text(status_line(name, said), style=COLOURS.get(said["level"], "")) for name, said in ours.items()
        ]
        return Text("\n").join(shown)

    console = Terminal(soft_wrap=True)
    with GraphClient("status") as client:
        client.until(lines, "a node's diagnostics: is one running, on this ROS_DOMAIN_ID?", wait)
        if once:
            client.spin_for(1.5 * HEARTBEAT_S)  # every node has spoken by then
            console.print(lines())
            raise typer.Exit(
                any(said["level"] == "ERROR" for said in client.status.values() if "state" in said)
            )
        with Live(console=console, refresh_per_second=4) as live:
            while True:
                client.spin_once()
                live.update(lines())
