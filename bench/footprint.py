"""Prints import times, layer sizes and the speed of the local stack, measured on this machine."""

import http.client
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
BUILT: Final = ROOT / ".aws-sam" / "build"
RUNTIME: Final = ROOT / ".venv-runtime" / "bin" / "python"
MEGABYTE: Final = 1_000_000
LIMIT: Final = 262_144_000
"""Bytes that Lambda allows a function with its layers, unzipped."""


def main() -> int:
    """Print all measurements. The last one starts the local stack, which runs this module again."""
    if os.environ.get("DRIFTGUARD_STACK"):
        return speed(json.loads(Path(os.environ["DRIFTGUARD_STACK"]).read_text()))
    template = yaml.safe_load((BUILT / "template.yaml").read_text())
    imports(template)
    sizes(template)
    sys.stdout.flush()
    command = [sys.executable, "-m", "local", "--port", "0", "--fresh", "--state", str(ROOT / ".local" / "bench")]
    return subprocess.run([*command, "--run", f"{sys.executable} -m bench.footprint"], cwd=ROOT, check=False).returncode


def functions(template: dict[str, Any]) -> dict[str, list[str]]:
    """Return the layers of each function."""
    shared = template.get("Globals", {}).get("Function", {}).get("Layers", [])
    kinds = {name: one for name, one in template["Resources"].items() if one["Type"] == "AWS::Serverless::Function"}
    layers = {name: [*shared, *one["Properties"].get("Layers", [])] for name, one in kinds.items()}
    return {name: list(dict.fromkeys(layer["Ref"] for layer in every)) for name, every in layers.items()}


def imports(template: dict[str, Any]) -> None:
    """Print the CPU time of importing each function with its layers and the packages that Lambda provides."""
    bare = _cpu_seconds("", "")
    print(f"CPU milliseconds of each import, without Python's own {bare * 1000:.0f} (target for the API: 500)")
    for name, layers in functions(template).items():
        path = os.pathsep.join([str(BUILT / name), *(str(BUILT / layer / "python") for layer in reversed(layers))])
        print(f"  {name:<30} {(_cpu_seconds('import app', path) - bare) * 1000:6.0f}")


def _cpu_seconds(code: str, path: str, repeat: int = 3) -> float:
    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        variables = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "AWS_REGION": "eu-west-1"}
        subprocess.run([RUNTIME, "-c", code], env=variables, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(repeat))


def sizes(template: dict[str, Any]) -> None:
    """Print the unzipped megabytes of each layer, and of the largest function with its layers."""
    print("\nunzipped megabytes")
    for name, one in template["Resources"].items():
        if one["Type"] == "AWS::Serverless::LayerVersion":
            print(f"  {name:<30} {_size(name) / MEGABYTE:6.1f}")
    whole = {name: _size(name) + sum(map(_size, layers)) for name, layers in functions(template).items()}
    largest = max(whole, key=lambda name: whole[name])
    print(f"  {largest + ' with layers':<30} {whole[largest] / MEGABYTE:6.1f} of {LIMIT / MEGABYTE:.1f}")


def _size(folder: str) -> int:
    return sum(path.stat().st_size for path in (BUILT / folder).rglob("*") if path.is_file())


def speed(stack: dict[str, Any]) -> int:
    """Print requests per second and milliseconds per request of the local stack."""
    print("\nlocal stack")
    key, address = stack["api_keys"]["admin"], urlsplit(stack["url"]).netloc
    model = json.loads(_call(http.client.HTTPConnection(address), key, "POST", "/models", {"name": "bench"})[1])["id"]

    def one() -> Any:
        return {"model_id": model, "features": _features(), "prediction": 1}

    def batch() -> Any:
        rows = [{"features": _features(), "prediction": random.randrange(10**6)} for _ in range(500)]
        return {"model_id": model, "predictions": rows}

    _measure("GET /health", address, key, 200, 1, "/health", None)
    _measure("GET /models", address, key, 200, 1, "/models", None)
    _measure("POST /predictions", address, key, 300, 1, "/predictions", one)
    _measure("POST /predictions, 8 at once", address, key, 800, 8, "/predictions", one)
    _measure("POST /predictions/batch of 500 × 20", address, key, 40, 1, "/predictions/batch", batch)
    return 0


def _features() -> dict[str, int]:
    return {f"feature_{number}": random.randrange(10**6) for number in range(20)}


def _call(connection: http.client.HTTPConnection, key: str, method: str, path: str, body: Any) -> tuple[int, bytes]:
    headers = {"x-api-key": key, "content-type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _measure(
    what: str, address: str, key: str, calls: int, at_once: int, path: str, body: Callable[[], Any] | None
) -> None:
    milliseconds: list[float] = []

    def work() -> None:
        connection = http.client.HTTPConnection(address)
        for _ in range(calls // at_once):
            content = body() if body else None
            began = time.perf_counter()
            status, text = _call(connection, key, "POST" if body else "GET", path, content)
            milliseconds.append((time.perf_counter() - began) * 1000)
            if status >= 300:
                raise RuntimeError(f"{path} answered {status}: {text[:200]!r}")

    _call(http.client.HTTPConnection(address), key, "POST" if body else "GET", path, body() if body else None)
    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(milliseconds) / (time.perf_counter() - began)
    middle, late = statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[-1]
    print(f"  {what:<36} {rate:6.1f} per second   {middle:6.1f} ms, 95 % under {late:.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
