"""A real Spark cluster on this machine: a standalone master and two workers of one core each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from opencets.cluster import cluster

ROOT = Path(__file__).parents[1]
STARTING_S = 240


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a standalone master that two workers of one core each have joined."""
    pyspark = pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("no Java runtime on this machine")
    home = Path(pyspark.__file__).parent
    folder = tmp_path_factory.mktemp("spark")
    command = [str(home / "bin" / "spark-class")]
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder),
    }
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    parts = [
        ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port)],
        *(
            ["org.apache.spark.deploy.worker.Worker", address, "--host", "127.0.0.1", "--cores", "1", "--memory", "1g"]
            for _ in range(2)
        ),
    ]
    with ExitStack() as held:
        log = held.enter_context((folder / "log").open("w+b"))
        for part in parts:
            process = subprocess.Popen(
                [*command, *part, "--webui-port", "0"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )
            held.callback(ended, process)
        until = time.monotonic() + STARTING_S
        while (folder / "log").read_bytes().count(b"Registering worker 127.0.0.1") < 2:
            assert time.monotonic() < until, (folder / "log").read_text()[-4_000:]
            time.sleep(0.2)
        yield address


@pytest.fixture(scope="module")
def context(master: str) -> Iterator[object]:
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.executorEnv.PYTHONPATH": str(ROOT / "src"),
        "spark.log.level": "ERROR",
    }
    with cluster(master, settings) as there:
        yield there
