import pytest

from schemas.names import is_name, is_split_name


@pytest.mark.parametrize(
    ("text", "name", "split"),
    [
        ("news-2.v1_b", True, True),
        ("_held", False, True),
        ("a" * 100, True, True),
        ("a" * 101, False, True),
        (".hidden", False, False),
        ("a/b", False, False),
        ("news\n", False, False),
        ("", False, False),
    ],
)
def test_what_may_be_a_folder_s_name(text: str, name: bool, split: bool) -> None:
    assert (is_name(text), is_split_name(text)) == (name, split)
