"""What is left behind where a model is saved."""

import os
import subprocess
import sys
from pathlib import Path

SAVE = """
import sys
import tensorflow as tf
from pathlib import Path
from models.saving import save

class Half(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"y": x / 2}

module = Half()
signatures = {"serving_default": module.serve.get_concrete_function()}
save(module, Path(sys.argv[1]), signatures=signatures, experimental_custom_gradients=False)
assert not sys.dont_write_bytecode
loaded = tf.saved_model.load(sys.argv[1])
assert loaded.signatures["serving_default"](x=tf.constant([3.0]))["y"].numpy() == [1.5]
"""


def test_nothing_stays_in_the_folder_for_temporaries(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-c", SAVE, str(tmp_path / "model")],
        check=True,
        cwd=Path(__file__).parents[2],
        env={**environment, "TMPDIR": str(temporary)},
    )
    assert list(temporary.iterdir()) == []
