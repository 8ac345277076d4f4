"""A subscription that its owner polls: nothing is lost but what is old, and no executor is woken by it."""

import time

import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Int32

from wm_ros.ros.polling_subscription import PollingSubscription

DEPTH = 3
RELIABLE = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def subscription(ros):
    subscription = PollingSubscription(ros.node, Int32, "numbers", RELIABLE)
    yield subscription
    subscription.close()


@pytest.fixture
def publisher(ros, subscription):
    publisher = ros.node.create_publisher(Int32, "numbers", RELIABLE)
    ros.until(lambda: publisher.get_subscription_count() == 1, "discovery")
    return publisher


def taken(ros, subscription, count):
    numbers = []

    def enough():
        numbers.extend(message.data for message in subscription.take())
        return len(numbers) >= count

    ros.until(enough, f"{count} messages")
    return numbers


def test_what_came_is_taken_once_oldest_first(ros, subscription, publisher):
    assert subscription.take() == []
    for number in (4, 5):
        publisher.publish(Int32(data=number))
    assert taken(ros, subscription, 2) == [4, 5]
    assert subscription.take() == []


def test_of_more_than_the_depth_the_newest_are_kept(ros, subscription, publisher):
    for number in range(20):
        publisher.publish(Int32(data=number))
    assert publisher.wait_for_all_acked()
    numbers = taken(ros, subscription, DEPTH)
    assert len(numbers) == DEPTH
    assert numbers[-1] == 19


def test_an_executor_sleeps_while_messages_wait(ros, subscription, publisher):
    publisher.publish(Int32(data=1))
    assert publisher.wait_for_all_acked()
    for _ in range(5):
        ros.executor.spin_once(timeout_sec=0.0)  # whatever else there is to do
    began_s = time.thread_time()
    ros.executor.spin_once(timeout_sec=1.0)
    assert time.thread_time() - began_s < 0.5
    assert [message.data for message in subscription.take()] == [1]


def test_a_publisher_that_does_not_reach_it_is_named_with_what_to_change(ros, subscription, publisher):
    assert subscription.qos_mismatch() is None
    ros.node.create_publisher(Int32, "numbers", BEST_EFFORT)
    ros.until(subscription.qos_mismatch, "the other publisher")
    assert subscription.qos_mismatch().startswith(
        "a publisher on /numbers offers incompatible QoS (reliability)"
    )
    both = PollingSubscription(ros.node, Int32, "numbers", BEST_EFFORT)
    assert both.qos_mismatch() is None
    both.close()
