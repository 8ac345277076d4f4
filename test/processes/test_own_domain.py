"""Runs beside each other do not hear each other."""

import os
import socket

import pytest
from ros_harness import Ros

from wm_ros.runs import ros_domain as domains
from wm_ros.runs.ros_domain import free_domain, own_domain


def test_two_runs_have_different_domains_and_give_them_back(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # other tests claim and give back meanwhile
    monkeypatch.setattr(domains, "_is_silent", lambda domain: True)
    with free_domain() as first:
        with free_domain() as second:
            assert second != first
        with free_domain() as third:
            assert third == second


def test_a_domain_somebody_speaks_on_is_left_alone(ros, domain):
    """The participant of `ros` is what a robot's own nodes would be: it has claimed nothing here."""
    assert not domains._is_silent(domain)
    ros.close()
    assert domains._is_silent(domain)


def test_so_is_one_whose_first_participant_has_left(ros, domain):
    other = Ros()
    ros.close()
    assert not domains._is_silent(domain)
    other.close()
    assert domains._is_silent(domain)


@pytest.mark.parametrize("offset", [domains.OFFSETS[0], domains.OFFSETS[1], domains.OFFSETS[-1]])
def test_so_is_one_whose_port_is_taken(offset):
    with free_domain() as quiet, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        assert domains._is_silent(quiet)
        other.bind(("", domains.PORT + domains.PORTS_PER_DOMAIN * quiet + offset))
        assert not domains._is_silent(quiet)


def test_what_the_user_chose_is_taken_and_nothing_leaves_this_machine(monkeypatch):
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.setenv(name, "")
    with own_domain(7) as domain:
        assert domain == 7
        assert os.environ["ROS_DOMAIN_ID"] == "7"
        assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


def test_when_all_are_in_use_it_says_so(monkeypatch):
    monkeypatch.setattr(domains, "_is_silent", lambda domain: False)
    with pytest.raises(RuntimeError, match="every ROS domain from 1 to 100 is in use"), free_domain():
        pass
