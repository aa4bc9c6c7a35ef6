from pathlib import Path

import pytest

from schemas.errors import ConfigError
from serving import config_files


def _file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "config.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_examples_of_tf_serving_s_guide_are_read(tmp_path: Path) -> None:
    models = config_files.read(
        _file(
            tmp_path,
            """
            model_config_list {
              config {
                name: 'my_first_model'
                base_path: '/tmp/my_first_model/'
                model_platform: 'tensorflow'
                model_version_policy { specific { versions: 42 versions: 43 } }
                version_labels { key: 'stable' value: 42 }
              }
            }
            """,
        ),
        config_files.ModelServerConfig,
        "--model_config_file",
    )
    (config,) = models.model_config_list.config
    assert config.name == "my_first_model"
    assert list(config.model_version_policy.specific.versions) == [42, 43]
    assert dict(config.version_labels) == {"stable": 42}

    batching = config_files.read(
        _file(
            tmp_path,
            """
            max_batch_size { value: 128 }
            batch_timeout_micros { value: 0 }
            max_enqueued_batches { value: 1000000 }
            num_batch_threads { value: 8 }
            allowed_batch_sizes: 64
            allowed_batch_sizes: 128
            pad_variable_length_inputs: true
            enable_large_batch_splitting { value: false }
            """,
        ),
        config_files.BatchingParameters,
        "--batching_parameters_file",
    )
    assert batching.max_batch_size.value == 128 and batching.pad_variable_length_inputs
    assert batching.HasField("batch_timeout_micros") and not batching.HasField("max_execution_batch_size")
    assert list(batching.allowed_batch_sizes) == [64, 128]

    monitoring = config_files.read(
        _file(tmp_path, 'prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }'),
        config_files.MonitoringConfig,
        "--monitoring_config_file",
    )
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("max_batch_size { value: 1 }\nmax_batch { value: 1 }", r"2:1 : .*no field named .?max_batch"),
        ("max_batch_size { value: many }", "1:25"),
        (b"\xff\xfe", "codec can't decode"),
        (b" " * ((1 << 20) + 1), "at most 1048576 bytes"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        config_files.read(_file(tmp_path, content), config_files.BatchingParameters, "--batching_parameters_file")
    assert str(raised.value).startswith("`--batching_parameters_file` must be")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`--ssl_config_file` must be a file that can be read\. Received: .*none"):
        config_files.read(tmp_path / "none", config_files.SSLConfig, "--ssl_config_file")
