"""What the local stack is called and where it lies. No MiniStack in here: it reads the environment when imported."""

import os
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
ACCOUNT: Final = "000000000000"
REGION: Final = "eu-west-1"
STACK: Final = "driftguard"
BUILT: Final = ROOT / ".aws-sam" / "build" / "template.yaml"
STATE: Final = ROOT / ".local"
RUNTIME: Final = ROOT / ".venv-runtime" / "bin" / "python"
CREDENTIALS: Final[dict[str, Any]] = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "region_name": REGION,
}


def configure(state: Path, endpoint: str) -> None:
    """Set MiniStack's environment, and take everything out of ours that could lead to a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MINISTACK_REGION": REGION,
        # Queues are kept under addresses of these two, which must not change with the port; clients call the endpoint.
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": "4566",
        "AUTH": "true",  # each function may do what its role allows
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "ERROR"),
    }
    # No container engine is asked for anything.
    os.environ["DOCKER_HOST"] = "unix:///nonexistent"
