"""`trainworks`: a group of commands, each in a module of its own that is imported only when it is called.

So `trainworks --help` knows no command's module, and answers at once. An error that belongs to a person ends here, as
one message on standard error and the exit code that the error owns.
"""

import difflib
import gc
import importlib
import os
import signal
from typing import Any, Final, NoReturn

import click

from schemas.errors import TrainworksError

COMMANDS: Final = {
    "init": "Make a new project that runs as it is.",
    "run": "Run a pipeline file; what did not change is taken from cache.",
    "runs": "List the newest runs.",
    "show": "Show a run: steps, times, metrics, verdicts, errors.",
    "report": "Write a run as one HTML page.",
    "board": "Show the runs of a pipeline in TensorBoard.",
    "lineage": "Show what an artifact was made from, and what from it.",
    "predict": "Ask a model for a prediction.",
    "infer": "Score files of new examples with a model.",
    "explain": "Show what in an input an answer comes from.",
    "embed": "Write the vectors that a model makes of inputs.",
    "schema": "Print the JSON Schema of the pipeline file, for editors.",
    "rollback": "Have the last good version served again.",
    "promote": "Have a candidate that stood its probation take over.",
    "gc": "Show, and delete, what nothing needs any more.",
    "serve": "Serve models over gRPC and REST, as TensorFlow Serving does.",
    "monitor": "Hold what a served model is asked and answers against what it learned.",
    "schedule": "Run pipelines when they are due; ask and tell the daemons that do.",
    "export": "Write files for Airflow, Kubeflow, Kubernetes or systemd.",
    "run-node": "Run one step of a run that an orchestrator takes step by step.",
    "keys": "Make and remove the API keys of a model server.",
    "sample": "Fetch a real data set to try things on.",
    "doctor": "Say what is missing on this machine, before it hurts.",
}
"""Name to help line. The click command is `command` in `pipeline/cli/<name>.py`, with `_` for `-`."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"pipeline.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = f" Did you mean `{close[0]}`?" if close else ""
            ctx.fail(f"No such command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TrainworksError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("canceled", err=True)
            ctx.exit(128 + signal.SIGINT)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own, and a reader such as `head` that has seen enough
        except Exception as error:
            click.echo(f"error: {_unexpected(error)}", err=True)
            ctx.exit(1)


def _unexpected(error: Exception) -> str:
    """One line about an exception that nobody foresaw; the traceback goes to a file."""
    import tempfile
    import traceback

    what = " ".join(f"{type(error).__name__}: {error}".split())
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="trainworks-", suffix=".log", delete=False
        ) as log:
            log.writelines(traceback.format_exception(error))
    except OSError:
        return f"unexpectedly, {what} (and there is no room for a log file with the traceback)"
    return f"unexpectedly, {what} (the traceback: {log.name})"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="trainworks", message="%(prog)s %(version)s")
def trainworks() -> None:
    """From labelled data to a validated, versioned, served model.

    Exit codes: 0 done, 1 a step failed, 2 the command or the pipeline file is wrong, 3 a gate said no.
    """


def main() -> NoReturn:
    """The console command."""
    # Pydantic would look for plug-ins in the metadata of every distribution there is, at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Imports make tens of thousands of objects that live to the end. Going through them again and again, as the default
    # threshold of 700 has it, takes a tenth of a cached run.
    gc.set_threshold(50_000)
    trainworks()
    raise AssertionError("click ends the process")
