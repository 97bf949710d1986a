"""A PostgreSQL server of the test's own, restarted in the middle of a sweep, loses no trial."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from planted import Planted, planted, sweep

from sweeps.request import Budget, SweepRequest

pytestmark = pytest.mark.slow
pytest.importorskip("psycopg")


class Server:
    """A server on a free port; PostgreSQL refuses to run as root, so root runs it as the user ``postgres``."""

    def __init__(self, tools: Path, folder: Path) -> None:
        self.tools, self.data = tools, folder / "data"
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.call("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "--no-sync")
        self.control("start")

    def call(self, tool: str, *args: object) -> None:
        command = [*self.as_user, str(self.tools / tool), *map(str, args)]
        done = subprocess.run(
            command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr

    def control(self, action: str, *more: str) -> None:
        options = f"-p {self.port} -k {self.data} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.call("pg_ctl", action, "-D", self.data, "-w", "-l", self.data / "log", "-o", options, *more)

    @property
    def url(self) -> str:
        return f"postgresql://bench@127.0.0.1:{self.port}/postgres"


@pytest.fixture
def server() -> Iterator[Server]:
    found = shutil.which("initdb")
    tools = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    tools = [folder for folder in tools if (folder / "pg_ctl").exists()]
    if not tools:
        pytest.skip("there is no PostgreSQL server here")
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            try:
                os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
            except KeyError:
                pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres")
        made = Server(tools[-1], Path(folder))
        yield made
        made.control("stop", "-m", "immediate")


def test_a_restart_in_the_middle_loses_no_trial_and_repeats_no_point(
    request_of: Callable[..., SweepRequest], server: Server
) -> None:
    restarts = []

    def formula(values: Mapping[str, Any]) -> float:
        if len(trials.asked) in (3, 6):
            restarts.append(len(trials.asked))
            server.control("restart", "-m", "immediate")
        return planted(values)

    trials = Planted(formula=formula)
    (study,) = sweep(request_of(budget=Budget(trials=8)), server.url, trials)
    assert restarts == [3, 6]
    finished = study.finished()
    assert [t.state.name for t in finished] == ["COMPLETE"] * 8
    assert len({tuple(t.params.values()) for t in finished}) == 8 == len(trials.asked)
    assert all(len(t.intermediate_values) == trials.count for t in finished)
