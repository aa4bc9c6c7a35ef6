from pathlib import Path

import pytest
from google.protobuf import text_format

from serving.config_files import ModelServerConfig
from serving.errors import Code, ServingError
from serving.models.policy import ModelPolicy, policies_of


def _policies(text: str) -> dict[str, ModelPolicy]:
    return policies_of(text_format.Parse(text, ModelServerConfig()))


def _model(more: str = "", name: str = "r8", path: str = "/models/r8") -> str:
    return f'model_config_list {{ config {{ name: "{name}" base_path: "{path}" {more} }} }}'


def test_the_newest_version_is_the_rule() -> None:
    assert _policies(_model()) == {"r8": ModelPolicy("r8", Path("/models/r8"))}
    assert _policies("") == {}


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        ("", (7,)),
        ("model_version_policy { latest { num_versions: 2 } }", (7, 5)),
        ("model_version_policy { latest { } }", (7,)),
        ("model_version_policy { all { } }", (7, 5, 1)),
        ("model_version_policy { specific { versions: 1 versions: 7 versions: 9 } }", (7, 1)),
    ],
)
def test_versions_are_chosen_newest_first(policy: str, chosen: tuple[int, ...]) -> None:
    assert _policies(_model(policy))["r8"].chosen({1, 5, 7}) == chosen
    assert _policies(_model(policy))["r8"].chosen(()) == ()


def test_labels_are_kept() -> None:
    labels = 'version_labels { key: "stable" value: 5 } version_labels { key: "canary" value: 7 }'
    assert _policies(_model(labels))["r8"].labels == {"stable": 5, "canary": 7}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_model(name=""), "`name` must be there"),
        (f"{_model()[:-1]} {_model().removeprefix('model_config_list {')}", "Illegal to list model r8 multiple times"),
        (_model(path="models/r8"), "Expected model r8 to have an absolute path"),
        (_model(path="/models/r8\\000"), "Expected model r8 to have an absolute path"),
        (_model('model_platform: "pytorch"'), "must be `tensorflow`. Received: pytorch"),
        (_model("model_version_policy { specific { } }"), "must have `versions`"),
        (_model('version_labels { key: "" value: 5 }'), "`version_labels` of r8"),
    ],
)
def test_what_cannot_be_is_told(text: str, said: str) -> None:
    with pytest.raises(ServingError, match=said) as raised:
        _policies(text)
    assert raised.value.code is Code.INVALID_ARGUMENT
