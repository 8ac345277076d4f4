"""The stages encode, infer, plan: plain objects that chain models; no ROS, no threads."""
