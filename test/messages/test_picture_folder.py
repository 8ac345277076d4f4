"""Goal pictures from a folder, or an error that names the file."""

import cv2
import numpy as np
import pytest

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.picture_folder import read_pictures


def write(folder, name, grey=0, size=(4, 6)):
    cv2.imwrite(str(folder / name), np.full((*size, 3), grey, np.uint8))


def test_pictures_come_by_number(tmp_path):
    for number in (10, 2, 1):
        write(tmp_path, f"goal{number}.png", number)
    (tmp_path / "notes.txt").write_text("of today")
    pictures = read_pictures(tmp_path)
    assert [name for name, _ in pictures] == ["goal1.png", "goal2.png", "goal10.png"]
    assert [picture[0, 0, 0] for _, picture in pictures] == [1, 2, 10]
    assert pictures[0][1].shape == (4, 6, 3)


def test_a_picture_of_another_size_is_named(tmp_path):
    write(tmp_path, "1.png")
    write(tmp_path, "2.png", size=(6, 4))
    with pytest.raises(ImageError, match=r"2\.png has 4x6 pixels and 1\.png has 6x4: goals are pictures of"):
        read_pictures(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ImageError, match="holds no picture"):
        read_pictures(tmp_path)
    with pytest.raises(ImageError, match="is not a folder"):
        read_pictures(tmp_path / "nowhere")
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    with pytest.raises(ImageError, match=r"1\.png cannot be read"):
        read_pictures(tmp_path)
