"""The sandbox: real crashes, bombs, loops and kills cost their own task and nothing else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sandbox_tasks as tasks

from opencets.parsing.limits import Limits
from opencets.parsing.sandbox import Pool

MIB = 1024 * 1024


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2, Limits(seconds=2.0, memory_bytes=256 * MIB)) as made:
        yield made


def test_every_task_gives_its_result(pool: Pool) -> None:
    outcomes = list(pool.run(tasks.square, range(50)))
    assert sorted(one.result for one in outcomes) == [number * number for number in range(50)]
    assert all(one.done and one.failure is None and one.result == one.task**2 for one in outcomes)


@pytest.mark.parametrize(
    ("hostile", "code"),
    [
        ("crash", "crashed"),
        ("loop", "time"),
        ("sleep", "time"),
        ("memory", "memory"),
        ("exit", "exited"),
        ("raise", "failed"),
        ("large", "result-too-large"),
    ],
)
def test_a_hostile_task_costs_itself_and_nothing_else(pool: Pool, hostile: str, code: str) -> None:
    outcomes = {one.task: one for one in pool.run(tasks.act, ["one", hostile, "two", "three"])}
    failure = outcomes[hostile].failure
    assert failure is not None
    assert failure.code == code
    assert failure.sentence.endswith(".")
    assert [outcomes[name].result for name in ("one", "two", "three")] == ["one", "two", "three"]


def test_a_task_that_cannot_be_answered_is_a_failure(pool: Pool) -> None:
    (outcome,) = pool.run(tasks.act, ["lambda"])
    assert outcome.failure is not None
    assert outcome.failure.code == "failed"


def test_a_task_that_cannot_be_sent_is_a_failure(pool: Pool) -> None:
    (outcome,) = pool.run(tasks.act, [lambda: 1])
    assert outcome.failure is not None
    assert outcome.failure.code == "not-sendable"


def test_items_of_a_generator_come_one_by_one_and_then_the_end(pool: Pool) -> None:
    outcomes = list(pool.run(tasks.count_up, [3]))
    assert [(one.result, one.done) for one in outcomes] == [(0, False), (1, False), (2, False), (None, True)]


def test_items_before_a_crash_are_kept(pool: Pool) -> None:
    outcomes = list(pool.run(tasks.count_then_crash, [3]))
    assert [one.result for one in outcomes[:-1]] == [0, 1, 2]
    assert outcomes[-1].done
    assert outcomes[-1].failure is not None
    assert outcomes[-1].failure.code == "crashed"


def test_tasks_are_taken_only_when_a_child_is_free(pool: Pool) -> None:
    taken = []

    def many() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    running = pool.run(tasks.square, many())
    for _ in range(5):
        next(running)
    assert len(taken) <= 5 + 2 * pool.processes
    running.close()
    assert pool.busy == 0


def test_a_child_killed_from_outside_is_replaced(pool: Pool) -> None:
    (first,) = pool.run(tasks.whoami, [0])
    os.kill(first.result, signal.SIGKILL)
    (second,) = pool.run(tasks.whoami, [0])
    assert second.failure is None
    assert second.result != first.result


def test_a_child_killed_at_work_fails_its_task_and_keeps_what_came_before(pool: Pool) -> None:
    running = pool.run(tasks.say_who_then_sleep, [0])
    first = next(running)
    os.kill(first.result, signal.SIGKILL)
    (last,) = running
    assert last.done
    assert last.failure is not None
    assert last.failure.code == "killed"


def test_a_child_is_replaced_after_its_tasks() -> None:
    with Pool(1, tasks_per_child=2) as pool:
        pids = [one.result for one in pool.run(tasks.whoami, range(5))]
    assert len(set(pids)) == 3


def test_a_child_cannot_run_code_in_the_parent(pool: Pool, tmp_path: Path) -> None:
    (outcome,) = pool.run(tasks.attack, [str(tmp_path / "made-by-the-child")])
    assert outcome.failure is not None
    assert outcome.failure.code == "result-refused"
    assert list(tmp_path.iterdir()) == []


def test_what_a_library_prints_does_not_disturb_the_answers(pool: Pool) -> None:
    (outcome,) = pool.run(tasks.act, ["print"])
    assert outcome.result == "print"


def test_the_environment_of_the_parent_stays_there(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://invented")
    (outcome,) = pool.run(tasks.act, ["environment"])
    assert "DATABASE_URL" not in outcome.result
    assert "PATH" in outcome.result


def test_a_child_has_no_network_or_the_pool_says_so(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (outcome,) = pool.run(tasks.connect, [server.getsockname()])
    if pool.network == "closed":
        assert outcome.result == "OSError"
    else:
        assert pool.network.startswith("open: ")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _gone(pid: int) -> bool:
    end = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not _alive(pid)


def test_children_die_with_a_parent_that_is_killed() -> None:
    script = """
        import sys; sys.path.insert(0, sys.argv[1])
        import sandbox_tasks
        from opencets.parsing.sandbox import Pool
        pool = Pool(1)
        print([one.result for one in pool.run(sandbox_tasks.whoami, [0])][0], flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _alive(child)
        parent.kill()
        parent.wait()
    assert _gone(child)


def test_closing_the_pool_ends_children_and_their_children() -> None:
    pool = Pool(1)
    (outcome,) = pool.run(tasks.child_with_grandchild, [0])
    child = pool._children[0].process.pid
    pool.close()
    assert _gone(child)
    assert _gone(outcome.result)
