"""Which precision `auto` is."""

from pathlib import Path

import pytest

from models.training import strategies
from models.training.strategies import policy_of


@pytest.mark.parametrize(
    ("told", "onednn", "native"),
    [
        ("model name\t: A\nflags\t\t: fpu avx512f avx512_bf16\nflags\t\t: fpu\n", "1", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", "1", True),
        ("flags\t\t: fpu avx512f avx512_vnni\n", "1", False),
        ("flags\t\t: fpu avx512_bf16\n", "0", False),
        ("Features\t: fp asimd\n", "1", False),
    ],
)
def test_a_processor_that_multiplies_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, onednn: str, native: bool
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
    (tmp_path / "cpuinfo").write_text(told)
    assert strategies._is_bfloat16_of_processor(tmp_path / "cpuinfo") is native
    assert not strategies._is_bfloat16_of_processor(tmp_path / "none")


@pytest.mark.parametrize(("native", "policy"), [(True, "mixed_bfloat16"), (False, "float32")])
def test_auto_is_what_the_processor_does_by_itself(monkeypatch: pytest.MonkeyPatch, native: bool, policy: str) -> None:
    monkeypatch.setattr(strategies, "_is_bfloat16_of_processor", lambda told: native)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    assert policy_of("auto") == policy
    assert policy_of("mixed_float16") == "mixed_float16"
