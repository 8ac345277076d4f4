"""What people look at: the goal beside what is seen, and layouts that name topics which exist."""

import json
import shutil

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("torch")

import torch
from camera_harness import Camera, Goals, picture
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from wm_ros.messages.image import decode_image
from wm_ros.messages.stamp import to_ns
from wm_ros.models.decoder import Decoder, draw
from wm_ros.models.decoder_checkpoint import load_decoder, save_decoder
from wm_ros.nodes import goal_view
from wm_ros.nodes.goal_view import GAP, LABEL, side_by_side
from wm_ros.nodes.guard_node import GuardNode
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.resources import share_dir

QUICK = {"autostart": True, "planner.batch_size": 8, "planner.elites": 4, "planner.iteration_count": 1}


@pytest.fixture
def camera(ros):
    return Camera(ros)


@pytest.fixture
def pipeline(ros, checkpoint, camera):
    node = ros.start(PipelineNode, {**QUICK, "checkpoint": checkpoint})
    ros.until(lambda: node.state == "active", "the pipeline to be active")
    return node


def test_goal_left_and_the_frame_planned_from_right(ros, pipeline, camera):
    views = ros.collect(Image, "/pipeline/view")
    ros.until(lambda: pipeline.count_subscribers("/pipeline/view"), "the subscription")
    stamp = camera.send(1)
    ros.until(lambda: views, "a view")
    assert to_ns(views[-1].header.stamp) == stamp
    assert views[-1].header.frame_id == "camera"
    shown = decode_image(views[-1])[LABEL:]
    half = (shown.shape[1] - GAP) // 2
    assert np.unique(shown[:, :half]).size == 1, "grey without a goal"
    np.testing.assert_array_equal(shown[::5, half + GAP :: 5], picture(1))
    Goals(ros).send(3)
    ros.until(lambda: pipeline.goal is not None, "the goal")
    count = len(views)
    camera.send(2)
    ros.until(lambda: len(views) > count, "a view")
    shown = decode_image(views[-1])[LABEL:]
    np.testing.assert_array_equal(shown[::5, :half:5], picture(3))
    np.testing.assert_array_equal(shown[::5, half + GAP :: 5], picture(2))


def test_the_limit_of_pixels_is_the_node_s_for_the_view_too(ros, pipeline, camera, monkeypatch):
    monkeypatch.setattr(decode_image, "__defaults__", (1,))  # as if pictures were above the usual limit
    views = ros.collect(Image, "/pipeline/view")
    ros.until(lambda: pipeline.count_subscribers("/pipeline/view"), "the subscription")
    camera.send(1)
    ros.until(lambda: views, "a view")


def test_a_captured_goal_is_shown_and_a_reset_one_is_not(ros, pipeline, camera):
    camera.send(1)
    ros.until(lambda: pipeline.stream.newest is not None, "the frame")
    assert ros.call(Trigger, "/pipeline/capture_goal").success
    ros.until(lambda: pipeline.goal is not None, "the goal")
    np.testing.assert_array_equal(decode_image(pipeline.goal), picture(1))
    assert ros.call(Trigger, "/pipeline/reset").success
    ros.until(lambda: pipeline.goal is None, "the end of the goal")


def test_nothing_is_drawn_for_nobody(ros, pipeline, camera, monkeypatch):
    drawn = []
    monkeypatch.setattr(goal_view, "side_by_side", lambda *pictures: drawn.append(pictures))
    latents = ros.collect(Image, "latent")
    camera.send(1)
    ros.until(lambda: latents, "the frame's latent")
    assert drawn == []


def test_the_end_of_the_plan_is_shown_where_the_checkpoint_has_a_decoder(ros, checkpoint, camera, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(checkpoint, folder)
    decoder = Decoder(1, 8, 32)
    torch.nn.init.normal_(decoder.rest[-1].weight)
    save_decoder(decoder, folder, {})
    node = ros.start(PipelineNode, {**QUICK, "checkpoint": str(folder)})
    ros.until(lambda: node.state == "active", "the pipeline to be active")
    asked, expected_end = [], node.expected_end
    node.expected_end = lambda: asked.append(1) or expected_end()
    latents = ros.collect(Image, "latent")
    for count in (1, 2):
        camera.send(1)
        ros.until(lambda count=count: len(latents) >= count, "a latent")
    assert asked == [], "nothing is imagined for nobody"
    views = ros.collect(Image, "/pipeline/view")
    ros.until(lambda: node.count_subscribers("/pipeline/view"), "the subscription")
    camera.send(1)
    ros.until(lambda: views, "a view")
    shown = decode_image(views[-1])[LABEL:]
    third = (shown.shape[1] - 2 * GAP) // 3
    assert np.unique(shown[:, -third:]).size == 1, "grey without a plan"
    Goals(ros).send(3)
    ros.until(lambda: node.goal is not None, "the goal")
    count = len(views)
    camera.send(2)
    ros.until(lambda: len(views) > count, "a view")
    shown = decode_image(views[-1])[LABEL:]
    assert shown.shape[1] == 2 * (third + GAP) + shown.shape[0]
    np.testing.assert_array_equal(shown[::5, third + GAP : 2 * third + GAP : 5], picture(2))
    drawn = draw(load_decoder(folder, node.model.encoder), node.expected_end()[None])[0]
    assert len(np.unique(drawn)) > 9
    expected = cv2.resize(drawn, shown.shape[:1] * 2, interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(shown[:, -shown.shape[0] :], expected)


@pytest.mark.parametrize("height", [48, 64, 240, 480])
def test_pictures_of_any_size_fit_side_by_side(height):
    frame = picture(2, height, height)
    shown = side_by_side([("goal", picture(1, 30, 40)), ("now", frame)], frame.shape)
    rows = shown.shape[0] - LABEL
    assert rows % height == 0
    assert rows >= 240
    assert shown.shape[1] == round(rows * 4 / 3) + GAP + rows
    assert shown[:LABEL, :rows].max() > 128, "a name"


def topics(layout):
    """Every absolute name in nested plain data, without field paths."""
    if isinstance(layout, dict):
        return set().union(*(topics(entry) for pair in layout.items() for entry in pair))
    if isinstance(layout, list):
        return set().union(*map(topics, layout))
    return {layout.partition(".")[0]} if isinstance(layout, str) and layout.startswith("/") else set()


def test_the_layouts_name_topics_and_services_that_exist(ros, pipeline):
    guard = ros.start(GuardNode, {"autostart": True})
    ros.until(lambda: guard.state == "active", "the guard to be active")
    there = {
        name for name, _ in (*pipeline.get_topic_names_and_types(), *pipeline.get_service_names_and_types())
    }
    config = share_dir() / "config"
    for layout in (
        json.loads((config / "foxglove_layout.json").read_text()),
        yaml.safe_load((config / "wm_ros.rviz").read_text()),
    ):
        named = topics(layout)
        assert {"/pipeline/view", "/pipeline/candidates"} <= named <= there
