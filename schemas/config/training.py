"""Section `training`: the training loop."""

from typing import Literal

from pydantic import Field

from schemas.config.augmentation import AugmentationName, AugmentationStep
from schemas.config.section import Section


class TrainingConfig(Section):
    """The training loop. What is not given here comes from the family's recipe, and then from these defaults.

    With `epochs`, the recipe's `min_steps` falls away; with another `optimizer`, the recipe's rate, schedule, warm-up,
    momentum and decay do.
    """

    epochs: int = Field(default=10, ge=1)
    min_steps: int = Field(default=0, ge=0)
    """Least number of steps: a data set too small to give them in `epochs` is gone through more often."""

    batch_size: int = Field(default=64, ge=1)
    """Examples a step, over all replicas."""

    micro_batch_size: int | None = Field(default=None, ge=1)
    """Examples that go through the network at once, over all replicas; a step adds up the gradients of as many as
    `batch_size` has. It saves memory and changes no result but batch normalization's. Unless given, all of them."""

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "adagrad", "lamb", "lion", "nadam"] = "adam"
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """For `sgd` and `rmsprop` only."""

    learning_rate: float = Field(default=1e-3, gt=0)
    learning_rate_schedule: Literal["constant", "cosine", "linear"] = "constant"
    """How the rate falls after the warm-up, to zero at the last step."""

    warmup_steps: int | float = Field(default=0, ge=0)
    """Steps in which the rate rises from zero; below 1, a share of all steps."""

    weight_decay: float | None = Field(default=None, ge=0)
    """Decoupled decay, not applied to biases, embeddings and norms. Unless given, `adamw` has 0.004, others none."""

    clip_norm: float | None = Field(default=None, gt=0)
    """Largest global norm of the gradients."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """`balanced` weighs each class by the inverse of its frequency; or label to weight."""

    average_weights: float | None = Field(default=None, gt=0, lt=1)
    """Momentum of an exponential moving average of the weights, which is what is evaluated and exported."""

    augmentation: tuple[AugmentationName | AugmentationStep, ...] = ()
    """For pictures: changes at random, in order, by name (`flip`) or with settings (`{rotation: {degrees: 20}}`)."""

    augment_on: Literal["cpu", "device"] = "cpu"
    """Where: on processor cores while batches are prepared, or where the network trains."""

    head_epochs: int | float = Field(default=0, ge=0)
    """With `model.weights`: epochs in which the backbone stays as it was given; below 1, a share of all epochs."""

    layer_decay: float | None = Field(default=None, gt=0, lt=1)
    """Factor of each block's learning rate to that of the one above; the highest block's is to the head's. For networks
    of numbered blocks, as `bert` and `transformer` are."""

    fine_tune_rate: float | None = Field(default=None, gt=0)
    """The learning rate after `head_epochs`. Unless given, a tenth of `learning_rate`."""

    early_stopping: int | None = Field(default=None, ge=1)
    """Epochs without a better `monitor` before training stops."""

    monitor: str = "val_loss"
    """The number by which the best epoch is chosen: `val_loss`, `val_accuracy`, ..."""

    restore_best: bool = True
    """Export the weights of the best epoch rather than the last."""

    strategy: Literal["auto", "none", "mirrored"] = "auto"
    """tf.distribute strategy; `auto` is `mirrored` where there are several accelerators."""

    precision: Literal["float32", "mixed_float16", "mixed_bfloat16", "auto"] = "float32"
    """What layers compute in (a Keras dtype policy); weights, and the exported model, are float32. `auto` is
    `mixed_bfloat16` where the GPUs or the processor multiply bfloat16 by themselves, else `float32`."""

    bucket_by_length: bool = True
    """Batch examples of like length, so that short texts do not pay for long ones."""

    cache: Literal["auto", "disk"] = "auto"
    """For pictures: `auto` keeps them decoded in memory where they take at most 256 MB, and else decodes them in each
    epoch; `disk` decodes them once, whatever their size, into files that last as long as the training."""

    steps_per_loop: int = Field(default=50, ge=1)
    """Steps run inside one tf.function call."""

    checkpoint_seconds: float = Field(default=60.0, ge=0)
    """Least time between two checkpoints within an epoch; one is also written where an epoch of some seconds ends."""

    warm_start: Literal["champion", "none"] = "none"
    """Where the weights start: those of the newest blessed model, words and labels matched by name (`model.weights`
    then only counts where there is none, or its network is another, which is said), or as `model` has it."""

    seed: int = 1

    @property
    def takes_momentum(self) -> bool:
        """Whether the optimizer has a momentum of this name."""
        return self.optimizer in ("sgd", "rmsprop")

    @property
    def augmented(self) -> "list[Section]":
        """The settings of each step of `augmentation`, in order."""
        named = [AugmentationStep.model_validate({s: {}}) if isinstance(s, str) else s for s in self.augmentation]
        return [step.settings for step in named]

    @property
    def decay(self) -> float:
        """The weight decay that is applied; that of `adamw`, unless given, is Keras' own."""
        if self.weight_decay is None:
            return 0.004 if self.optimizer == "adamw" else 0.0
        return self.weight_decay
