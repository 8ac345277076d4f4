"""ROS messages to arrays and back, by attribute names alone: rclpy's messages and rosbags' read the same."""
