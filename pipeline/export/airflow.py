"""A DAG for Airflow 3: one task a step, each of which calls `trainworks run-node`.

https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/dags.html
"""

import shlex
from typing import Final

from pipeline.export.command import Command
from pipeline.export.starts import Starts
from pipeline.export.tasks import Task, tasks_of
from pipeline.node_run import WAIT_SECONDS
from pipeline.pipeline import Pipeline
from pipeline.result import REFUSED
from pipeline.templating import templates
from schemas.config import StepConfig
from schemas.errors import ConfigError

_RUN_ID: Final = "TRAINWORKS_RUN_ID"
"""Environment variable of a task with the run's id: in a command, a shell would read what a person calls a run."""
_GRACE: Final = WAIT_SECONDS + 60.0
"""Seconds after a step's own limit, while it may have waited for its turn, at which Airflow stops its process."""


def dag(pipeline: Pipeline, starts: Starts, command: Command) -> str:
    """The Python code of the DAG, which imports Airflow and nothing else."""
    tasks = tasks_of(pipeline)
    options = [_options(task.attempts) for task in tasks]
    usual = max(options, key=options.count)
    return (
        templates("export", html=False)
        .get_template("dag.py.j2")
        .render(
            name=pipeline.name,
            timetable=_timetable(starts),
            schedule=_schedule(starts),
            usual=usual,
            tasks=[
                {
                    "name": task.name,
                    "call": _call(task, command),
                    "options": {name: value for name, value in own.items() if value != usual[name]},
                }
                for task, own in zip(tasks, options, strict=True)
            ],
            wires=[(before, task.name) for task in tasks for before in task.after],
            run_id=_RUN_ID,
            final_codes=[ConfigError.exit_code, REFUSED],
        )
    )


def _call(task: Task, command: Command) -> str:
    """The line of bash that runs a step, as Python has it."""
    *words, _ = command.run_node(task.name, "")
    return ascii(f'exec {shlex.join(words)} "${_RUN_ID}"')


def _options(attempts: StepConfig) -> dict[str, str]:
    """Airflow's words for how often a step is tried, and how long it may take."""
    limit = attempts.timeout_seconds
    return {
        "retries": str(attempts.retries),
        "retry_delay": _delta(attempts.backoff_seconds),
        "retry_exponential_backoff": f"{attempts.backoff_factor:g}" if attempts.backoff_factor > 1 else "0",
        "max_retry_delay": _delta(attempts.max_backoff_seconds),
        "execution_timeout": "None" if limit is None else _delta(limit + _GRACE),
    }


def _timetable(starts: Starts) -> str:
    """The class of Airflow's that says when the DAG runs; empty where only a person or another DAG does."""
    if starts.cron is not None:
        return "CronTriggerTimetable"
    return "" if starts.seconds is None else "DeltaTriggerTimetable"


def _schedule(starts: Starts) -> str:
    if starts.cron is not None:
        return f"CronTriggerTimetable({starts.cron!a}, timezone={starts.timezone!a})"
    return "None" if starts.seconds is None else f"DeltaTriggerTimetable({_delta(starts.seconds)})"


def _delta(seconds: float) -> str:
    return f"timedelta(seconds={int(seconds) if seconds == int(seconds) else seconds})"
