"""Section `steps`: what holds for a step."""

from schemas.config import StepConfig, step_config

STEPS = {
    "default": StepConfig(retries=2, backoff_seconds=1.0),
    "Trainer": StepConfig(timeout_seconds=60.0),
    "Pusher": StepConfig(retries=0),
}


def test_a_steps_own_entry_leaves_to_the_default_what_it_does_not_say() -> None:
    assert step_config(STEPS, "ExampleGen") == STEPS["default"]
    assert step_config(STEPS, "Trainer") == StepConfig(retries=2, backoff_seconds=1.0, timeout_seconds=60.0)
    assert step_config(STEPS, "Pusher") == StepConfig(retries=0, backoff_seconds=1.0)


def test_unless_told_a_step_is_tried_once_and_without_limit() -> None:
    assert step_config({}, "Trainer") == StepConfig()
    assert (StepConfig().retries, StepConfig().timeout_seconds) == (0, None)
