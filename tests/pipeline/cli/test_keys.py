from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.cli.main import trainworks
from serving.access.gate import Gate


def _keys(*arguments: str | Path) -> Result:
    return CliRunner().invoke(trainworks, ["keys", *map(str, arguments)])


def test_a_key_is_made_listed_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    made = _keys("add", file, "app", "--role", "metrics", "--role", "predict", "--requests-per-second", "50")
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert f"{file} has its hash" in made.stderr
    assert Gate(file).admit("metrics", f"Bearer {secret}", loopback=False) == "app"

    assert _keys("add", file, "other").exit_code == 0
    names = [line.split()[:2] for line in _keys("list", file).stdout.splitlines()]
    assert names == [["app", "predict,metrics"], ["other", "predict"]]
    assert _keys("list", file).stdout.splitlines()[0].endswith("  50/s")

    assert _keys("remove", file, "app").exit_code == 0
    assert [line.split()[0] for line in _keys("list", file).stdout.splitlines()] == ["other"]


def test_mistakes_are_told_with_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    for arguments, said in (
        (("list", file), "No such file"),
        (("add", file, "two words"), "`NAME` must be letters"),
        (("add", file, "a", "--role", "root"), "'root' is not one of"),
        (("remove", file, "a"), "No such file"),
    ):
        result = _keys(*arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.output
    assert not file.exists()
