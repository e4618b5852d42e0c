"""scripts/local_index.py: uploads, refusals, and the end of the server."""

from __future__ import annotations

import pytest
import requests

NAME = "sample-1.0.tar.gz"


@pytest.fixture
def local_index(load_script):
    return load_script("local_index")


def upload(url, content, credentials=None):
    return requests.post(
        url,
        data={":action": "file_upload", "name": "sample", "version": "1.0"},
        files={"content": (NAME, content)},
        auth=credentials,
        timeout=30,
    )


def test_what_was_uploaded_is_offered_and_never_replaced(local_index, tmp_path):
    with local_index.local_index(tmp_path) as url:
        first = upload(url, b"first")
        second = upload(url, b"second")
        page = requests.get(local_index.simple_url(url) + "sample/", timeout=30)

    assert (first.ok, second.ok) == (True, False)
    assert (tmp_path / NAME).read_bytes() == b"first"
    assert NAME in page.text


def test_only_who_knows_the_password_uploads(local_index, tmp_path):
    settings = {"username": "ada", "password": "secret"}
    with local_index.local_index(tmp_path, **settings) as url:
        refused = [upload(url, b"x"), upload(url, b"x", ("ada", "guess"))]
        taken = upload(url, b"x", ("ada", "secret"))

    assert [False, False, True] == [refused[0].ok, refused[1].ok, taken.ok]


def test_the_server_ends_with_the_block(local_index, tmp_path):
    with local_index.local_index(tmp_path) as url:
        assert requests.get(url, timeout=30).ok

    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=30)


def test_what_it_does_not_have_is_not_there(local_index, tmp_path):
    with local_index.local_index(tmp_path) as url:
        page = requests.get(local_index.simple_url(url) + "attrs/", timeout=30)

    assert (404, []) == (page.status_code, page.history)
