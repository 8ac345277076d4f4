"""What is on each topic and behind each service, in a sentence; a test asks that every one is here."""

from __future__ import annotations

# By the name that the code uses; in braces what the robot profile names.
TOPICS = {
    "{camera}": "Pictures of the profile's camera; `/compressed` where the transport is compressed.",
    "camera_info": "Intrinsics of the simulated camera.",
    "goal_image": "Where to go. Published before the node started, it counts too.",
    "demonstration": "What to imitate in place of a goal: its frames, a model step apart, all with one stamp, each "
    "with its number in `frame_id`, as `3/48`.",
    "latent": "State of a frame, tokens x dimensions as 32FC1, with the stamp of the frame.",
    "latent_action": "What happened between the frame a model step before and this one, 1 x Z as 32FC1.",
    "plan": "Action rates over the horizon; the stamp is that of the oldest observation behind them.",
    "stop": "True stops the robot. A heartbeat of false can be required: `stop_heartbeat_timeout_s`.",
    "{command}": "The robot's commands, of the type and with the fields that the profile names.",
    "{state}": "The robot's measured state, as the profile says.",
    "/clock": "Simulated time, where `time_factor` is not 1.",
    "/diagnostics": "What the node does, and why not: every second, and when it changes.",
    "~/status": "The same of this node alone, latched.",
    "~/goal_distance": "How far the model takes the frame to be from the goal.",
    "~/add_goal": "One more goal picture, at the end of the sequence; all of one size.",
    "pipeline/goal_distance": "How far the present goal is. With separate stages remap it to `planner/goal_distance`.",
    "pipeline/status": "Which goal the pipeline has, and at which distance it is reached. As above: `planner/status`.",
    "guard/status": "Whether the robot is driven, and whether it was stopped.",
    "~/candidates": "Where the candidates would lead, as markers, with `visualize: true`.",
    "~/view": "Goal, frame planned from and, with a decoder, the end of the plan; drawn while somebody subscribes.",
}
SERVICES = {
    (
        "guard",
        "~/start",
    ): "Follow plans from now on. Refused, with the reason, while anything speaks against it.",
    ("guard", "~/stop"): "Stop the robot: ramp, zeros, silence. Latches until `~/start`.",
    (
        "guard",
        "~/reset",
    ): "From stopped to idle, forgetting the reason; refused while the guard follows plans.",
    ("sequence", "~/start"): "Show the first goal, or go on with the present one. Does not start the guard.",
    ("sequence", "~/stop"): "Stop the guard, and keep the present goal for `~/start`.",
    ("sequence", "~/next"): "Leave the present goal for the next one.",
    (
        "sequence",
        "~/reset",
    ): "Begin with the first goal again, without those that were added; refused while it runs.",
    ("sim", "~/reset"): "Scene and start pose of the parameter `seed`.",
    ("planner", "~/capture_goal"): "The newest frame becomes the goal.",
    ("planner", "~/reset"): "Forget the goal: nothing is planned until there is a new one.",
}
SERVICES |= {("pipeline", name): text for (node, name), text in SERVICES.items() if node == "planner"}
