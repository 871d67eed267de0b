"""Invokes the built functions in real containers, once per file in events/: `make sam-local [EVENTS=check_drift]`.

The functions run in SAM's containers and call AWS services in the local stack. Without a container engine, this script
prints a message and exits. The run fails if a function fails or an API function answers with a 5xx status.
"""

import contextlib
import json
import os
import platform
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
BUILT: Final = ROOT / ".aws-sam" / "build"
SAM: Final = ROOT / ".venv-sam" / "bin" / "sam"
MACHINE: Final = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"
IMAGE: Final = f"public.ecr.aws/lambda/python:3.13-{MACHINE}"
CREDENTIALS: Final[dict[str, Any]] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
# Events that create what other events use run first. Events that delete it run last.
FIRST: Final = ("manage_organizations.create", "manage_models.create", "manage_baselines.put", "log_predictions.batch")
LAST: Final = (
    "manage_channels.delete",
    "manage_models.delete",
    "erase_model.queue",
    "manage_organizations.revoke_key",
    "manage_organizations.erase_organization",
)


def main() -> int:
    """Find a container engine and an image, then start the local stack, which runs this module again."""
    if os.environ.get("DRIFTGUARD_STACK"):
        return invoke_all(json.loads(Path(os.environ["DRIFTGUARD_STACK"]).read_text()))
    docker = shutil.which("docker")
    with contextlib.ExitStack() as held:
        host = held.enter_context(engine()) if docker else None
        if docker is None or host is None:
            print(
                "sam-local: skipped: no container engine is running and none could be started. Start Docker and retry."
            )
            return 0
        environment = {**os.environ, "DOCKER_HOST": host} if host else dict(os.environ)
        os.environ.update(environment)
        if not prepare_image(docker):
            return 1
        command = f"{sys.executable} -m scripts.containers.sam_local"
        state = ROOT / ".local" / "sam-local"
        launcher = [sys.executable, "-m", "local", "--port", "0", "--fresh", "--state", str(state), "--run", command]
        return subprocess.run(launcher, cwd=ROOT, env=environment, check=False).returncode


@contextlib.contextmanager
def engine() -> Iterator[str | None]:
    """Yield the address of a running container engine, or of one started for the block, or None.

    An empty address means the default of the Docker client.
    """
    if _quiet("docker", "info").returncode == 0:
        yield os.environ.get("DOCKER_HOST", "")
        return
    daemon = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if daemon is None or os.geteuid() != 0:
        yield None
        return
    data = ROOT / ".local" / "docker"
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as run:
        host = f"unix://{run}/docker.sock"
        options = ["--data-root", str(data), "--exec-root", f"{run}/exec", "-H", host, "--pidfile", f"{run}/pid"]
        with (data / "dockerd.log").open("w") as log:
            process = subprocess.Popen([daemon, *options], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while not (answers := _quiet("docker", "-H", host, "info").returncode == 0):
                if process.poll() is not None or time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            yield host if answers else None
        finally:
            process.terminate()
            process.wait(30)


def prepare_image(docker: str) -> bool:
    """Find or pull the runtime's image, or build one from this machine's own Python. Return False if all fail."""
    if _quiet(docker, "image", "inspect", IMAGE).returncode == 0:
        return True
    print(f"sam-local: pulling {IMAGE}")
    with contextlib.suppress(subprocess.TimeoutExpired):
        if (
            subprocess.run([docker, "pull", "--quiet", IMAGE], timeout=300, capture_output=True, check=False).returncode
            == 0
        ):
            return True
    if platform.system() != "Linux":
        print("sam-local: cannot pull the image, and a substitute can only be built on Linux", file=sys.stderr)
        return False
    print("sam-local: cannot pull the image; building a substitute from this machine's Python")
    from scripts.containers import lambda_image  # noqa: PLC0415 - only needed if the image cannot be pulled

    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    lambda_image.build(docker, IMAGE, ROOT / ".venv-runtime" / "lib" / version / "site-packages")
    return True


def invoke_all(stack: dict[str, Any]) -> int:
    """Invoke each event. Return 1 if one failed."""
    from sandbox.seed import seed  # noqa: PLC0415 - needs the project's package, which the launcher does not load

    seed(stack)
    with reachable(stack["aws_endpoint"]) as aws, reachable(stack["url"]) as api:
        return _invoke_all(write_template(stack, aws, api))


@contextlib.contextmanager
def reachable(endpoint: str) -> Iterator[str]:
    """Yield the address at which containers reach an endpoint of the local stack.

    On Linux, a relay on the containers' bridge forwards to it.
    """
    port = urlsplit(endpoint).port or 80
    if platform.system() != "Linux":
        yield f"http://host.docker.internal:{port}"
        return
    wanted = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
    bridge = _quiet(*wanted).stdout.decode().strip()
    with _Relay((bridge, 0), port) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield f"http://{bridge}:{relay.server_address[1]}"
        relay.shutdown()


class _Relay(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], port: int) -> None:
        super().__init__(address, _Connection)
        self.port = port


class _Connection(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port)) as other:
            back = threading.Thread(target=_copy, args=(other, self.request), daemon=True)
            back.start()
            _copy(self.request, other)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _invoke_all(template: Path) -> int:
    wanted = os.environ.get("EVENTS", "")
    names = [path.stem for path in sorted((ROOT / "events").glob("*.json")) if path.stem.startswith(wanted)]
    order = [*(name for name in FIRST if name in names), *(name for name in names if name not in (*FIRST, *LAST))]
    order += [name for name in LAST if name in names]
    failed = [name for name in order if not invoke(name, template)]
    print(f"\n{len(order) - len(failed)} of {len(order)} events were answered by their functions in containers")
    for name in failed:
        print(f"  failed: {name}", file=sys.stderr)
    return 1 if failed else 0


def invoke(name: str, template: Path) -> bool:
    """Invoke the function that the file is named after, and print one line. Return False if it failed."""
    logical_id = "".join(word.capitalize() for word in name.partition(".")[0].split("_")) + "Function"
    command = [
        str(SAM),
        "local",
        "invoke",
        logical_id,
        "-t",
        str(template),
        "-e",
        str(ROOT / "events" / f"{name}.json"),
    ]
    # A variable of this process would override the template's.
    environment = {
        **{name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "SAM_CLI_TELEMETRY": "0",
    }
    began = time.monotonic()
    run = subprocess.run(
        [*command, "--skip-pull-image"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = _answer(run.stdout)
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    broken = run.returncode != 0 or (isinstance(answer, dict) and "errorType" in answer) or (status or 0) >= 500
    shown = status or json.dumps(answer)[:90]
    print(f"  {'✗' if broken else '✓'} {name:<34} {time.monotonic() - began:5.1f} s  {shown}", flush=True)
    if broken:
        print(run.stdout[-2000:], run.stderr[-4000:], file=sys.stderr)
    return not broken


def write_template(stack: dict[str, Any], aws: str, api: str) -> Path:
    """Copy the build and set each function's variables to those of the local stack. Return the template's path."""
    copy = ROOT / ".local" / "sam-local" / "build"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(BUILT, copy, copy_function=os.link)
    template = yaml.safe_load((BUILT / "template.yaml").read_text())
    template["Parameters"]["Architecture"]["Default"] = MACHINE
    functions = boto3.client(
        "lambda",
        endpoint_url=stack["aws_endpoint"],
        region_name=stack["region"],
        **CREDENTIALS,
    )
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        live = functions.get_function_configuration(FunctionName=stack["resources"][logical_id])
        variables = {**live.get("Environment", {}).get("Variables", {}), "AWS_ENDPOINT_URL": aws}
        if "OUTGOING_ENDPOINT" in variables:
            variables["OUTGOING_ENDPOINT"] = variables["OUTGOING_ENDPOINT"].replace(stack["url"], api)
        resource["Properties"]["Environment"] = {"Variables": variables}
    path = copy / "template.yaml"
    path.unlink()
    path.write_text(yaml.safe_dump(template))
    return path


def _answer(output: str) -> Any:
    lines = [line for line in output.splitlines() if line.strip()]
    with contextlib.suppress(ValueError, IndexError):
        return json.loads(lines[-1])
    return None


def _quiet(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
