"""The sequence on topics, between a pipeline and a guard that the test plays."""

import json

import cv2
import numpy as np
import pytest
from camera_harness import image_message, picture
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import Image
from std_msgs.msg import Float32
from std_srvs.srv import Trigger

from wm_ros.messages.image import decode_image
from wm_ros.messages.stamp import to_ns
from wm_ros.nodes import sequence_node
from wm_ros.nodes.sequence_node import SequenceNode
from wm_ros.ros.qos import DEMONSTRATION, LATCHED, OUTPUT

QUICK = {"autostart": True, "hold_s": 0.2}


class World:
    """Pipeline and guard: what they would say is said when the test wants it."""

    def __init__(self, ros):
        self.ros, self.shown, self.guard_stops = ros, [], 0
        self.statuses = {
            name: ros.node.create_publisher(DiagnosticArray, f"{name}/status", LATCHED)
            for name in ("pipeline", "guard")
        }
        self.distances = ros.node.create_publisher(Float32, "pipeline/goal_distance", OUTPUT)
        ros.node.create_subscription(Image, "goal_image", self.shown.append, LATCHED)
        ros.node.create_service(Trigger, "guard/stop", self._stop)

    def _stop(self, _, response):
        self.guard_stops += 1
        response.success = True
        return response

    def say(self, name, message="", **values):
        status = DiagnosticStatus(name=name, message=message)
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        self.statuses[name].publish(DiagnosticArray(status=[status]))

    def take(self):
        """The pipeline has the goal shown last."""
        self.say("pipeline", goal_stamp_ns=to_ns(self.shown[-1].header.stamp), reached_distance=0.5)

    def measure(self, distance, condition, what):
        """The pipeline tells a distance with every frame, until something holds."""
        timer = self.ros.node.create_timer(0.02, lambda: self.distances.publish(Float32(data=distance)))
        try:
            self.ros.until(condition, what)
        finally:
            self.ros.node.destroy_timer(timer)


@pytest.fixture
def world(ros):
    return World(ros)


@pytest.fixture
def folder(tmp_path):
    """Three goal pictures."""
    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.cvtColor(picture(number), cv2.COLOR_RGB2BGR))
    return tmp_path


@pytest.fixture
def node(ros, world, folder):
    node = ros.start(SequenceNode, {**QUICK, "goals": str(folder)})
    ros.until(lambda: node.state == "active", "the sequence to be active")
    ros.until(lambda: world.distances.get_subscription_count(), "its subscriptions")
    return node


def figures(node):
    return {key: str(value) for key, value in node.diagnostic_values().items()}


def begin(ros, world, node):
    """The first goal is shown and taken, the guard follows plans."""
    world.say("pipeline", goal="none", reached_distance=0.5)
    world.say("guard", guard="waiting")
    ros.until(lambda: node._pipeline and node._guard, "both to be heard")
    answer = ros.call(Trigger, "/sequence/start")
    assert answer.success, answer.message
    ros.until(lambda: world.shown, "the first goal")
    world.take()
    world.say("guard", guard="active")


def test_goal_after_goal_is_shown_and_the_guard_stopped_at_the_end(ros, world, node):
    statuses = ros.collect(DiagnosticArray, "/sequence/status", LATCHED)
    begin(ros, world, node)
    for number in (1, 2, 3):
        ros.until(lambda n=number: len(world.shown) == n, "the goal")
        np.testing.assert_array_equal(decode_image(world.shown[-1]), picture(number))
        world.take()
        assert not world.guard_stops
        world.measure(3.0, lambda: figures(node).get("goal_distance") == "3.0000", "the distance")
        world.measure(
            0.4, lambda n=number: len(json.loads(figures(node)["results"])) == n, "the goal reached"
        )
    ros.until(lambda: world.guard_stops, "the guard to be stopped")
    assert node.summary() == "done: 3 of 3 reached"
    results = json.loads(figures(node)["results"])
    assert [(r["name"], r["outcome"]) for r in results] == [(f"{n}.png", "reached") for n in (1, 2, 3)]
    assert (results[0]["start_distance"], results[0]["distance"]) == (3.0, 0.4)

    def last():
        values = {entry.key: entry.value for entry in statuses[-1].status[0].values} if statuses else {}
        return values.get("sequence") == "done" and values["reached"] == "3"

    ros.until(last, "the status")


def test_what_is_said_of_the_goal_before_does_not_count_for_the_next(ros, world, node):
    begin(ros, world, node)
    world.measure(0.1, lambda: len(world.shown) == 2, "the second goal")
    seen = []
    world.measure(0.1, lambda: seen.append(figures(node).get("goal_distance")) or len(seen) > 40, "a while")
    assert set(seen) == {None}, "the pipeline has not taken the second goal yet"
    world.take()
    world.measure(2.0, lambda: figures(node).get("goal_distance") == "2.0000", "its distance")
    assert node._sequence.start_distance == 2.0


def test_the_guard_stops_and_the_sequence_goes_on_with_the_same_goal(ros, world, node):
    begin(ros, world, node)
    ros.until(lambda: node._sequence._armed, "the guard to be seen")
    world.say("guard", "stopped: clock jump", guard="stopped")
    ros.until(lambda: figures(node)["sequence"] == "stopped", "the sequence to stop")
    assert "the guard has stopped the robot" in node.status()[1]
    assert ros.call(Trigger, "/sequence/start").success
    ros.until(lambda: len(world.shown) == 2, "the goal once more")
    np.testing.assert_array_equal(decode_image(world.shown[-1]), picture(1))


def test_stop_next_and_reset(ros, world, node):
    begin(ros, world, node)
    assert "call ~/stop first" in ros.call(Trigger, "/sequence/reset").message
    assert ros.call(Trigger, "/sequence/next").success
    ros.until(lambda: len(world.shown) == 2, "the second goal")
    assert ros.call(Trigger, "/sequence/stop").success
    ros.until(lambda: world.guard_stops, "the guard to be stopped")
    assert figures(node)["reason"] == "by ~/stop; ~/start goes on"
    assert ros.call(Trigger, "/sequence/reset").success
    assert node.summary() == "idle, 3 goals: call ~/start"


def test_somebody_else_s_goal_stops_the_sequence(ros, world, node):
    begin(ros, world, node)
    ros.until(lambda: node._taken, "the goal to be taken")
    world.say("pipeline", goal_stamp_ns=12345, reached_distance=0.5)
    ros.until(lambda: figures(node)["sequence"] == "stopped", "the sequence to stop")
    assert "another goal" in figures(node)["reason"]
    ros.until(lambda: world.guard_stops, "the guard to be stopped")


def test_a_goal_that_the_pipeline_does_not_take_stops_it_with_the_pipeline_s_words(
    ros, world, node, monkeypatch
):
    monkeypatch.setattr(sequence_node, "SILENT_S", 0.5)
    begin(ros, world, node)

    def say():
        world.say("pipeline", "goal image: too large", reached_distance=0.5)
        world.say("guard", guard="active")

    timer = ros.node.create_timer(0.1, say)
    ros.until(lambda: figures(node)["sequence"] == "stopped", "the sequence to stop")
    ros.node.destroy_timer(timer)
    assert "has not taken the goal 1.png" in figures(node)["reason"]
    assert "too large" in figures(node)["reason"]


def test_a_pipeline_that_falls_silent_stops_it(ros, world, node, monkeypatch):
    begin(ros, world, node)
    ros.until(lambda: node._taken, "the goal to be taken")
    monkeypatch.setattr(sequence_node, "SILENT_S", 0.3)
    ros.until(lambda: figures(node)["sequence"] == "stopped", "the sequence to stop")
    assert "nothing was heard of the" in figures(node)["reason"]
    ros.until(lambda: world.guard_stops, "the guard to be stopped")


def test_deactivated_it_stops_the_guard(ros, world, node):
    begin(ros, world, node)
    assert ros.change_state("/sequence", "deactivate")
    ros.until(lambda: world.guard_stops, "the guard to be stopped")


def test_without_a_threshold_it_does_not_start_and_says_what_to_do(ros, world, node):
    assert "nothing is heard of the pipeline" in ros.call(Trigger, "/sequence/start").message
    world.say("pipeline", goal="none")
    ros.until(lambda: node._pipeline, "the pipeline to be heard")
    answer = ros.call(Trigger, "/sequence/start")
    assert not answer.success
    assert "--reached" in answer.message


def test_goals_come_from_a_topic_too_and_one_of_another_size_is_left_out(ros, world):
    node = ros.start(SequenceNode, {**QUICK, "reached": 0.5})
    ros.until(lambda: node.state == "active", "the sequence to be active")
    assert "no goal" in ros.call(Trigger, "/sequence/start").message
    goals = ros.node.create_publisher(Image, "sequence/add_goal", 10)
    ros.until(goals.get_subscription_count, "the subscription")
    goals.publish(image_message(picture(1)))
    goals.publish(image_message(picture(2, 32, 32)))
    ros.until(lambda: "a goal is left out: it has 32x32 pixels" in node.status()[1], "the refusal")
    goals.publish(image_message(picture(3)))
    ros.until(lambda: figures(node)["goals"] == "2", "two goals")
    assert ros.call(Trigger, "/sequence/start").success
    ros.until(lambda: world.shown, "the first goal")


@pytest.mark.parametrize(("name", "said"), [("nowhere", "is not a folder"), ("", "holds no picture")])
def test_a_folder_without_pictures_is_refused_at_configure(ros, tmp_path, name, said):
    (tmp_path / "empty").mkdir()
    node = ros.start(SequenceNode, {"goals": str(tmp_path / (name or "empty"))})
    assert not ros.change_state("/sequence", "configure")
    assert said in node.status()[1]


def test_a_demonstration_is_shown_whole_as_one_goal(ros, world, folder):
    frames = []
    ros.node.create_subscription(Image, "demonstration", frames.append, DEMONSTRATION)
    node = ros.start(SequenceNode, {**QUICK, "goals": str(folder), "imitate": True})
    ros.until(lambda: node.state == "active", "the sequence to be active")
    ros.until(lambda: world.distances.get_subscription_count(), "its subscriptions")
    world.say("pipeline", goal="none", reached_distance=0.5)
    world.say("guard", guard="waiting")
    ros.until(lambda: node._pipeline and node._guard, "both to be heard")
    assert ros.call(Trigger, "/sequence/start").success
    ros.until(lambda: len(frames) == 3, "the demonstration")
    assert [frame.header.frame_id for frame in frames] == ["1/3", "2/3", "3/3"]
    assert len({to_ns(frame.header.stamp) for frame in frames}) == 1
    for number, frame in enumerate(frames, 1):
        np.testing.assert_array_equal(decode_image(frame), picture(number))
    assert not world.shown
    world.say("pipeline", goal_stamp_ns=to_ns(frames[0].header.stamp), reached_distance=0.5)
    world.say("guard", guard="active")
    world.measure(0.4, lambda: world.guard_stops, "the end of the demonstration")
    [result] = json.loads(figures(node)["results"])
    assert (result["name"], result["outcome"]) == ("demonstration", "reached")


def test_one_picture_is_no_demonstration(ros, folder):
    for number in (2, 3):
        (folder / f"{number}.png").unlink()
    node = ros.start(SequenceNode, {**QUICK, "goals": str(folder), "imitate": True})
    ros.until(lambda: node.faults, "the refusal")
    assert node.state == "unconfigured"
