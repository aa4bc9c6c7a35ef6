import json

from click.testing import CliRunner

from pipeline.cli.schema import command
from pipeline.editor_schema import editor_schema


def test_the_schema_is_printed_as_json() -> None:
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json.dumps(editor_schema()))
