"""An existing Spark cluster: reached, and its failures told in words. Executors need Python with opencets, as this process has."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from opencets.errors import ActRefused, Interrupted


@contextmanager
def cluster(master: str, settings: dict[str, str] | None = None) -> Iterator[Any]:
    """A Spark context on ``master`` (as ``spark://host:7077`` or ``local[2]``), ended at the end.

    ``settings``: Spark properties beyond those of the machine's own configuration. Raises ActRefused with advice where
    Spark or Java is missing, Interrupted where the master does not answer.
    """
    try:
        pyspark = import_module("pyspark")
    except ImportError as reason:
        raise ActRefused(
            "The engine spark needs PySpark, which is not installed. Install opencets[spark] and a Java runtime of "
            "version 17 or newer, or leave --engine out: one machine answers for tens of millions of hashes."
        ) from reason
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    configuration = pyspark.SparkConf().setMaster(master).setAppName("opencets")
    configuration.set("spark.ui.enabled", "false").set("spark.task.maxFailures", "2")
    for name, value in (settings or {}).items():
        configuration.set(name, value)
    try:
        context = pyspark.SparkContext(conf=configuration)
    except Exception as reason:
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            raise ActRefused(
                "Spark needs a Java runtime of version 17 or newer, and none was found. On Debian: apt-get install "
                "openjdk-17-jre-headless; elsewhere set JAVA_HOME."
            ) from reason
        raise Interrupted(f"Spark did not start on {master}: {first_line(reason)}") from reason
    context.setLogLevel("ERROR")
    try:
        yield context
    finally:
        context.stop()


@contextmanager
def watched(advice: str) -> Iterator[None]:
    """What Spark raises inside becomes Interrupted, with its cause in one line and the ``advice``."""
    try:
        yield
    except Exception as reason:
        if type(reason).__module__.startswith(("py4j", "pyspark")):
            raise Interrupted(f"The Spark cluster gave up: {first_line(reason)} {advice}") from reason
        raise


def first_line(reason: BaseException) -> str:
    """The line of a traceback of Python and Java that names the fault, with a full stop."""
    text = str(reason).strip() or type(reason).__name__
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if "Error: " in line or "Exception: " in line), lines[0])
    return told[:300].rstrip(".") + "."
