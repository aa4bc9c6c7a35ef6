"""`trainworks serve`: models over TF Serving's protocols."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import click

from pipeline.cli.stopping import Stop, stop_on_signals
from pipeline.logs import silenced
from schemas.errors import ConfigError

_MIB = 1 << 20
_file = click.Path(exists=True, dir_okay=False, path_type=Path)

_log = logging.getLogger("serving")


@click.command(
    help="Serve models over gRPC and REST, as TensorFlow Serving does.",
    context_settings={"token_normalize_func": lambda name: name.replace("-", "_")},
)
@click.argument("dir_or_config", metavar="[DIR_OR_CONFIG]", required=False, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="gRPC; 0 for a free one.")
@click.option(
    "--rest_api_port", type=click.IntRange(-1, 65535), default=8501, show_default=True, help="REST; -1 for no REST."
)
@click.option("--model_name", help="The model's name.  [default: that of its folder]")
@click.option("--model_base_path", type=click.Path(path_type=Path), help="A model's folder, which may be filled later.")
@click.option("--model_config_file", type=_file, help="A ModelServerConfig as text, instead of a folder.")
@click.option(
    "--model_config_file_poll_wait_seconds",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="How often to read that file again; 0 for never.",
)
@click.option(
    "--file_system_poll_wait_seconds",
    type=click.FloatRange(min=0),
    default=1,
    show_default=True,
    help="How often to look for new versions; 0 for once.",
)
@click.option("--enable_batching", is_flag=True, help="Join the calls of many clients into batches.")
@click.option("--batching_parameters_file", type=_file, help="How to join them: BatchingParameters as text.")
@click.option(
    "--monitoring_config_file", type=_file, help="A MonitoringConfig as text: metrics for Prometheus, on REST."
)
@click.option("--ssl_config_file", type=_file, help="An SSLConfig as text: TLS, and mutual TLS, on both ports.")
@click.option(
    "--allow_version_labels_for_unavailable_models",
    is_flag=True,
    help="Let new labels name versions that are not loaded.",
)
@click.option("--keys", type=_file, help="API keys, made by `trainworks keys`; without, everyone may ask.")
@click.option("--remote_admin", is_flag=True, help="Let other machines change what is served, too.")
@click.option(
    "--audit_log", type=click.Path(dir_okay=False, path_type=Path), help="Write down every call, but no content."
)
@click.option(
    "--request_log",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a sample of requests and answers, with their content, into this folder.",
)
@click.option(
    "--request_log_sampling_rate",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="The share of requests that is written.",
)
@click.option(
    "--shadow_rate",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Calls a second that a version labelled `shadow` is asked too, for comparison; 0 for none.",
)
@click.option("--verify_key", type=_file, help="Load only models whose manifest is signed with this key.")
@click.option("--require_manifest", is_flag=True, help="Load only models that have a manifest, as pushed ones do.")
@click.option(
    "--model_timeout_seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="How long a model may take for a call.",
)
@click.option(
    "--max_body_mib", type=click.IntRange(1, 1024), default=64, show_default=True, help="What a request may weigh."
)
@click.option("--grpc_max_threads", type=click.IntRange(0), default=0, help="gRPC calls at once.  [default: by cores]")
@click.option(
    "--rest_api_num_threads", type=click.IntRange(0), default=0, help="REST requests at once.  [default: by cores]"
)
@click.option(
    "--max_queued_requests",
    type=click.IntRange(0),
    default=1024,
    show_default=True,
    help="Requests that may wait for a thread, on each port.",
)
@click.option(
    "--grace_seconds",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="How long calls in flight may take at the end.",
)
def command(dir_or_config: Path | None, **flags: Any) -> None:
    """DIR_OR_CONFIG is a model's folder of versions (what a pipeline pushes to), one version of it, a folder of models,
    or a ModelServerConfig as text.

    SIGTERM ends the server when calls in flight are answered; a second one at once.
    """
    from serving.errors import ServingError
    from serving.events import tell_events
    from serving.server import ModelServer

    tell_events()
    options = _options(dir_or_config, flags)
    server = ModelServer(options)
    _import_tensorflow()
    stop = stop_on_signals()
    rest = "" if server.rest_api_port is None else f", REST on {options.host}:{server.rest_api_port}"
    _log.info("gRPC on %s:%d%s; loading models", options.host, server.port, rest)
    try:
        server.start()
    except ServingError as error:
        raise ConfigError(error.message) from error
    threading.Thread(target=_tell_readiness, args=(server, stop), daemon=True).start()
    stop.wait()
    _log.info("Ending: not ready any more, answering what is in flight")
    server.stop()
    _log.info("Ended")
    logging.shutdown()
    os._exit(0)  # a model that hangs must not keep the process


def _options(dir_or_config: Path | None, flags: dict[str, Any]) -> Any:
    from schemas.manifest import load_key
    from serving.options import ServerOptions
    from serving.request_log import RequestLogOptions
    from serving.tls import Tls

    config, file = _models(dir_or_config, flags.pop("model_base_path"), flags.pop("model_config_file"), flags)
    flags["batching"] = _batching(flags.pop("enable_batching"), flags.pop("batching_parameters_file"))
    flags["metrics_path"] = _metrics_path(flags.pop("monitoring_config_file"))
    log, rate = flags.pop("request_log"), flags.pop("request_log_sampling_rate")
    flags["request_log"] = RequestLogOptions(log, rate) if log else None
    ssl, key, rest = flags.pop("ssl_config_file"), flags.pop("verify_key"), flags.pop("rest_api_port")
    return ServerOptions(
        model_config=config,
        model_config_file=file,
        rest_api_port=None if rest < 0 else rest,
        tls=Tls.load(ssl) if ssl else None,
        verify_key=load_key(key) if key else None,
        max_body_bytes=flags.pop("max_body_mib") * _MIB,
        **flags,
    )


def _batching(enabled: bool, file: Path | None) -> Any:
    from serving import config_files
    from serving.batching.options import BatchingOptions

    flag = "--batching_parameters_file"
    if not enabled:
        if file is not None:
            raise ConfigError(f"`{flag}` must go along with `--enable_batching`.")
        return None
    if file is None:
        return BatchingOptions()
    return BatchingOptions.from_message(config_files.read(file, config_files.BatchingParameters, flag))


def _metrics_path(file: Path | None) -> str | None:
    from serving import config_files
    from serving.metrics import DEFAULT_PATH

    if file is None:
        return None
    found = config_files.read(file, config_files.MonitoringConfig, "--monitoring_config_file").prometheus_config
    path = found.path or DEFAULT_PATH
    if not path.startswith("/"):
        raise ConfigError(f"`path` of `--monitoring_config_file` must begin with a slash. Received: {path}")
    return path if found.enable else None


def _models(
    given: Path | None, base_path: Path | None, config_file: Path | None, flags: dict[str, Any]
) -> tuple[Any, Path | None]:
    """The ModelServerConfig, and the file it is from."""
    from serving import config_files, model_folders

    name = flags.pop("model_name")
    if given is not None and given.is_file():
        given, config_file = None, config_file or given
    if [given, base_path, config_file].count(None) != 2:
        raise ConfigError(
            "One of `DIR_OR_CONFIG`, `--model_base_path` and `--model_config_file` must be given, and only one."
        )
    if config_file is not None:
        if name is not None:
            raise ConfigError("`--model_name` must be left out: the file says what models are called.")
        return config_files.read(config_file, config_files.ModelServerConfig, "--model_config_file"), config_file
    if base_path is not None:
        return model_folders.config_of_model(base_path, name or base_path.resolve().name), None
    assert given is not None
    return model_folders.config_of(given, name), None


def _import_tensorflow() -> None:
    """What models need, and quietly: standard error is for what the server has to say."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():
        from serving.models.program import import_ops

        import_ops()


def _tell_readiness(server: Any, stop: Stop) -> None:
    is_ready = server.wait_until_loaded(threading.TIMEOUT_MAX)
    if stop.is_asked:  # what it says now is that it ends
        return
    if is_ready:
        _log.info("Ready")
    else:
        _log.warning("Not ready: not every model has a version that answers; it is looked for on")
