import pytest

from serving.client.target import Target


def test_urls() -> None:
    target = Target.parse("grpcs://example.org", key="secret")
    assert (target.secure, target.address) == (True, "example.org:8500")
    assert "secret" not in repr(target)
    assert Target.parse("http://[::1]:80/").address == "[::1]:80"
    assert Target.parse("http://localhost").port == 8501


@pytest.mark.parametrize("url", ["localhost:8500", "ftp://host", "grpc://", "http://host/v1/models", "http://me@host"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="`url` must be grpc://HOST:PORT"):
        Target.parse(url)
