"""What families of pictures share: facts, preprocessing, and how a network is put together."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from models.analyzer import Analyzer
from models.family import Family, Hyperparameters
from models.given_weights import Freeze
from schemas.config import Task

if TYPE_CHECKING:
    import keras

    from models.analyzer import Facts
    from models.family import Preprocess
    from models.images.backbones import Given


MOVES: Final = ({"rotation": {"degrees": 15}}, "translation", {"zoom": {"share": 0.15}})
"""Small moves, which leave alone what a picture shows, but not where a box lies in it.

None mirrors: letters and digits do not survive that.
"""


class PictureHyperparameters(Hyperparameters):
    """Settings of every family of pictures."""

    image_size: int | tuple[int, int] | None = None
    """Height and width that pictures are resized to. Unless given, what is usual in the training split, to a limit."""

    fit: Literal["stretch", "crop", "pad"] = "stretch"
    """How a picture of another shape becomes one of that size: distorted, cut at the edges, or with black edges."""

    channels: Literal[1, 3] | None = None
    """1 for grey, 3 for color. Unless given, 1 where all pictures of the training split are grey."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, where they are given."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size


class PictureFamily(Family):
    """A family whose features are pictures."""

    modality = "image"
    materialize = False
    config: PictureHyperparameters

    largest: ClassVar[int] = 96
    """Longest side in pixels unless `image_size` is given."""

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        from models.images.moments import PictureMoments

        config = self.config
        return [PictureMoments(self.features[0], size=config.size, largest=self.longest, channels=config.channels)]

    def preprocess(self, facts: "Facts") -> "Preprocess":
        from models.images.preprocessing import ImagePreprocess

        return ImagePreprocess(facts, self.features, fit=self.config.fit)

    @property
    def longest(self) -> int:
        """Longest side that analysis may choose."""
        return self.largest


class BackboneHyperparameters(PictureHyperparameters):
    """Settings of families of convolutional networks."""

    weights: str = "none"
    """Where the backbone starts: `none`, at random; `imagenet`; a preset of KerasHub; or a path, relative to the
    pipeline file: a model that a pipeline trained or pushed, a `.keras` or `.weights.h5` file, a preset's folder."""

    freeze: Freeze = "none"
    """What of given weights stays as it is: nothing, all of the backbone, or all but its last so many blocks."""

    pooling: Literal["auto", "mean", "parts"] = "auto"
    """How feature maps become a vector: their mean, or the means of their four quarters (arXiv:1406.4729), which tell
    more to a backbone's head that has to make do with features as they are: `auto` is `parts` with `freeze: all`."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the pooled features that training drops."""

    @model_validator(mode="after")
    def _something_to_freeze(self) -> Self:
        if self.weights == "none" and self.freeze != "none":
            raise ValueError("`freeze` is for given weights; name some as `weights`, or leave it out")
        return self

    @property
    def takes_parts(self) -> bool:
        """Whether quarters are pooled."""
        return self.pooling == "parts" or (self.pooling == "auto" and self.weights != "none" and self.freeze == "all")


class BackboneFamily(PictureFamily):
    """A backbone, which makes feature maps of pictures, pooling, and one linear layer.

    The backbone is the network's layer of that name, which other pipelines may start from.
    """

    config: BackboneHyperparameters

    @classmethod
    def recipe(cls, task: Task) -> Mapping[str, Any]:
        """One cycle of stochastic gradient descent with momentum (arXiv:1708.07120), with small moves of pictures.

        Nothing here is tuned to a data set. The rate ends at zero and weights are averaged, so the last ones are taken:
        a small evaluation split would pick others by chance. Label smoothing and decay are those of arXiv:1812.01187.
        For photographs, `augmentation: [flip, crop]` and more may serve better.
        """
        return {
            "epochs": 20,
            "min_steps": 2000,
            "batch_size": 64,
            "optimizer": "sgd",
            "momentum": 0.9,
            "learning_rate": 0.1 if task == "classification" else 0.02,
            "learning_rate_schedule": "cosine",
            "warmup_steps": 0.15,
            "weight_decay": 5e-4,
            "label_smoothing": 0.1 if task == "classification" else 0.0,
            "average_weights": 0.99,
            "augmentation": [] if task == "localization" else MOVES,
            "restore_best": False,
        }

    @classmethod
    def recipe_for(cls, task: Task, hyperparameters: Mapping[str, Any], base: Path = Path()) -> Mapping[str, Any]:
        """With `weights`, a head first and then everything at a tenth of the rate: a random head would spoil what the
        backbone knows (arXiv:2202.10054)."""
        recipe = {**cls.recipe(task)}
        if hyperparameters.get("weights", "none") == "none":
            return recipe
        recipe |= {"epochs": 10, "min_steps": 600, "learning_rate": recipe["learning_rate"] / 2}
        if hyperparameters.get("freeze", "none") != "all":
            recipe |= {"head_epochs": 0.3}
        return recipe

    def network(self, facts: "Facts", outputs: int) -> "keras.Model":
        from models.images.backbones import freeze, rebuilt
        from models.images.network import Head, for_given, logits, model, pixels

        given = self._given(facts)
        if given is None:
            pictures, x = pixels(facts)
            backbone = self.backbone(x.shape[1:])
        else:
            pictures, x = for_given(facts, given)
            backbone = rebuilt(given.backbone, x.shape[1:])
            freeze(backbone, self.config.freeze)
        head = Head(
            grid=2 if self.config.takes_parts else 1,
            standardized=given is not None,
            dense_units=self.dense_units,
            dropout=self.config.dropout,
        )
        return model(pictures, logits(backbone(x), outputs, head), self.name)

    def files(self) -> Sequence[Path]:
        """The file or folder of `weights`, where it is one."""
        path = self.base / self.config.weights
        return [path] if self.config.weights not in ("none", "imagenet") and path.exists() else []

    @property
    def longest(self) -> int:
        """Given weights come from larger pictures than one would train with from the start."""
        return self.largest if self.config.weights == "none" else 224

    @property
    def dense_units(self) -> Sequence[int]:
        """Widths of layers between feature maps and logits."""
        return ()

    @property
    def name(self) -> str:
        """Name of the network."""
        return type(self).__name__.lower()

    @abstractmethod
    def backbone(self, image_shape: tuple[int, int, int]) -> "keras.Model":
        """The backbone at random, named `backbone`: from standardized pictures to feature maps of rank 4."""

    def imagenet(self) -> str | None:
        """Name in `keras.applications` of what `weights: imagenet` means; None where Keras has nothing of that kind."""
        return None

    def _given(self, facts: "Facts") -> "Given | None":
        from models.images.backbones import given_backbone

        if self.config.weights == "none":
            return None
        height, width, channels = (int(size) for size in facts["image_shape"])
        return given_backbone(
            self.config.weights, self.base, self.imagenet(), lambda: self.backbone((height, width, channels))
        )
