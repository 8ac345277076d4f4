"""What the held-out scores mean, for people."""

METRIC_DESCRIPTIONS = {
    "one_step": "one-step error / error of predicting no change",
    "rollout": "error over the clip from true latent actions / no change",
    "action_gap_shuffled": "one-step error with another clip's latent action / with the true one",
    "action_gap_zero": "one-step error with no latent action / with the true one",
    "planning_gap": "error of borrowing another clip's latent actions at random / by where they lead",
    "leakage": "one-step error across a cut between two clips / without the cut",
    "cycle": "error after borrowing the latent action to another clip and back / without",
    "kl": "nats in a latent action",
    "l1": "size of a latent action, summed over its dimensions",
    "codes_used": "share of the code book in use",
    "perplexity": "equally frequent codes that would say as much",
    "active_dimensions": "latent action dimensions in use",
    "variance": "variance of the latent action, mean of its dimensions",
    "controller_rollout": "error over the clip from robot actions / no change",
    "controller_gap": "error from robot actions / from true latent actions",
    "latent_action_r2": "R2 of the robot action read from the latent action",
    "action_probe_r2": "R2 of the robot action read from two states",
}
