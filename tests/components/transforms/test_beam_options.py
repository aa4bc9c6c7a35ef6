import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from components.transforms.beam_options import beam_options
from schemas.config import BeamConfig
from schemas.errors import ConfigError


def test_beam_s_own_options_reach_beam() -> None:
    options = beam_options(BeamConfig(options=("--direct_num_workers=2", "--streaming")))
    assert options.view_as(DirectOptions).direct_num_workers == 2
    assert options.view_as(StandardOptions).streaming is True


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--direct_num_workers=two",
            r"^`beam\.options` must be options that Beam takes: argument --direct_num_workers: invalid int value: ",
        ),
        ("--direct_num_workers", "argument --direct_num_workers: expected one argument$"),
        ("--direct_running_mode=fast", "argument --direct_running_mode: invalid choice: 'fast'"),
        ("--direct_num_worker=2", r"Received: --direct_num_worker=2\. Did you mean `--direct_num_workers`\?$"),
        ("direct_num_workers=2", r"each `--name=value` as an entry of its own\. Received: direct_num_workers=2\."),
        ("--help", "Received: --help"),
    ],
)
def test_a_wrong_option_is_named(option: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=message):
        beam_options(BeamConfig(options=(option,)))
    assert capfd.readouterr() == ("", "")


def test_a_cluster_may_know_more_options_than_this_machine() -> None:
    options = BeamConfig(runner="flink", options=("--flink_master=localhost:8081", "--own_option=1"))
    assert "own_option" in beam_options(options).get_all_options(retain_unknown_options=True)
