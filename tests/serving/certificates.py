"""An authority and the certificates that it signs, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """PEM files: an authority, a server's key and certificate for 127.0.0.1 and localhost, and a client's."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def config(self, *, verify_client: bool, **changed: str) -> str:
        """The text of an SSLConfig."""
        fields = {
            "server_key": self.key("server").read_text(),
            "server_cert": self.certificate("server").read_text(),
            "custom_ca": self.authority.read_text(),
            **changed,
        }
        lines = [f'{name}: "{value.encode("unicode_escape").decode()}"' for name, value in fields.items()]
        return "\n".join([*lines, f"client_verify: {str(verify_client).lower()}"])


def make_certificates(folder: Path) -> Certificates:
    made = Certificates(folder)
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    _openssl(
        "req", "-x509", *new_key, "-subj", "/CN=authority", "-keyout", made.key("authority"), "-out", made.authority
    )
    for name in ("server", "client"):
        signing = ["-CA", made.authority, "-CAkey", made.key("authority")]
        names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
        out = ["-keyout", made.key(name), "-out", made.certificate(name)]
        _openssl("req", "-x509", *new_key, *signing, *names, "-subj", f"/CN={name}", *out)
    return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
