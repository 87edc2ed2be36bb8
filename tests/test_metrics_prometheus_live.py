"""The exporter under the real Prometheus: scraped and queried, its rules checked and fired; skipped without it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from readme import EXAMPLES
from test_metrics_command import exporting

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="needs prometheus (Debian)"
    ),
]
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE_S = 90.0
RULES = EXAMPLES / "threadtop.rules.yml"

SETTLED_S, APART_S = 2.0, 6.0  # after which a scrape is stored for sure, and how far two looks are apart

GROUPS = """
[[group]]
name = "spinner"
command = 'programs/spin\\.py'
[[group]]
name = "pool"
command = 'programs/gil\\.py four'
"""

FIRES = """
rule_files: [{rules}]
evaluation_interval: 30s
tests:
  - interval: 15s
    input_series:
      - series: 'threadtop_findings{{instance="box", group="web", rule="gil-bound", severity="problem"}}'
        values: '1x3 _ _ _ 1x60'
      - series: 'threadtop_findings{{instance="box", group="db", rule="throttled", severity="problem"}}'
        values: '1x70'
      - series: 'threadtop_findings{{instance="box", group="cc", rule="starved", severity="observation"}}'
        values: '1x70'
      - series: 'threadtop_findings{{instance="box", group="app", rule="thread-leak", severity="problem"}}'
        values: '1x70'
      - series: 'threadtop_findings{{instance="box", group="api", rule="deadlock", severity="problem"}}'
        values: '1x70'
      - series: 'threadtop_pass_age_seconds{{instance="box", job="threadtop"}}'
        values: '3x20 600x50'
      - series: 'threadtop_pass_timestamp_seconds{{instance="file", job="node"}}'
        values: '0+15x40 600x30'
      - series: 'up{{instance="gone", job="threadtop"}}'
        values: '0x70'
    alert_rule_test:
      - eval_time: 4m
        alertname: PythonBoundByGil
        exp_alerts: []
      - eval_time: 6m
        alertname: PythonBoundByGil
        exp_alerts:
          - exp_labels: {{severity: warning, instance: box, group: web}}
            exp_annotations:
              summary: "web on box: its threads wait for the GIL, more of them do not help"
              what_to_run: "threadtop gil web"
      - eval_time: 6m
        alertname: ThreadsKeptFromCpu
        exp_alerts:
          - exp_labels: {{severity: warning, instance: box, group: db, rule: throttled}}
            exp_annotations:
              summary: "db on box is throttled: threads that could run do not"
              what_to_run: "threadtop --explain"
      - eval_time: 6m
        alertname: Deadlock
        exp_alerts:
          - exp_labels: {{severity: critical, instance: box, group: api}}
            exp_annotations:
              summary: "api on box: threads wait for each other's locks, for ever"
              what_to_run: "threadtop --explain api"
      - eval_time: 6m
        alertname: ThreadLeak
        exp_alerts: []
      - eval_time: 16m
        alertname: ThreadLeak
        exp_alerts:
          - exp_labels: {{severity: warning, instance: box, group: app}}
            exp_annotations:
              summary: "app on box has more and more threads"
              what_to_run: "threadtop app"
      - eval_time: 16m
        alertname: ThreadtopIsStale
        exp_alerts:
          - exp_labels: {{severity: warning, instance: box, job: threadtop}}
            exp_annotations: {{summary: "threadtop on box has not looked at threads for a minute"}}
          - exp_labels: {{severity: warning, instance: file, job: node}}
            exp_annotations: {{summary: "threadtop on file has not looked at threads for a minute"}}
          - exp_labels: {{severity: warning, instance: gone, job: threadtop}}
            exp_annotations: {{summary: "threadtop on gone has not looked at threads for a minute"}}
"""


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    """The files that the README shows are what Prometheus takes."""
    for kind, file in (("rules", RULES), ("config", EXAMPLES / "prometheus.yml")):
        done = subprocess.run(["promtool", "check", kind, file], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire(tmp_path: Path) -> None:
    """Each alert fires for what it is for, through a gap of a scrape or two, and observations fire none."""
    file = tmp_path / "fires.yml"
    file.write_text(FIRES.format(rules=RULES), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


class Query(Protocol):
    """Asks Prometheus."""

    def __call__(self, expression: str, moment: float | None = None) -> list[dict[str, Any]]:
        """The instant vector of an expression at a moment, or now."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[Query]:
    """Prometheus with the README's configuration, but scraping ``target`` often; gives its query function."""
    text = (EXAMPLES / "prometheus.yml").read_text(encoding="utf-8")
    config = folder / "prometheus.yml"
    config.write_text(text.replace("127.0.0.1:9878", target).replace("15s", "1s"), encoding="utf-8")
    shutil.copy(RULES, folder)
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]

    def query(expression: str, moment: float | None = None) -> list[dict[str, Any]]:
        """The instant vector of an expression at a moment, or now; [] while it is starting."""
        asked = {"query": expression, "time": time.time() if moment is None else moment}
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode(asked)
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except urllib.error.URLError:
            return []
        return found

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield query
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def until(query: Query, expression: str) -> list[dict[str, Any]]:
    """The result of a query once there is one."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := query(expression)) and time.monotonic() < deadline:
        time.sleep(0.25)
    assert found, f"Prometheus never had {expression}"
    return found


def value(found: list[dict[str, Any]]) -> float:
    """The value of the one series found."""
    [series] = found
    return float(series["value"][1])


def per_second(query: Query, *expressions: str) -> list[float]:
    """What sums of counters gained a second between two passes some time apart, by the clock of the passes.

    A rate would be that of the scrapes: on a busy machine a pass may come late, and a scrape see none or two.
    """
    begun = time.time()
    pairs = [[seen(query, each, at) for at in (begun, begun + APART_S)] for each in expressions]
    return [(last - first) / (last_s - first_s) for (first, first_s), (last, last_s) in pairs]


def seen(query: Query, expression: str, moment: float) -> tuple[float, float]:
    """The value of an expression at a moment, or soon after where a scrape failed; and when its pass was."""
    deadline = moment + PATIENCE_S
    while moment < deadline:
        while time.time() < moment + SETTLED_S:
            time.sleep(0.25)
        found, at = query(expression, moment), query("threadtop_pass_timestamp_seconds", moment)
        if found and at:
            return value(found), value(at)
        moment += 1
    pytest.fail(f"Prometheus has lost {expression}")


def run_s(pid: int) -> float:
    """CPU seconds of a process with one thread, as the kernel says it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def test_prometheus_scrapes_what_a_spinner_does(tmp_path: Path) -> None:
    """Prometheus takes OpenMetrics, and its rates of a program that wants a core all the time add up to one core.

    The programs are nice: others may want the CPUs, which changes nothing of what is asked.
    """
    groups = tmp_path / "groups.toml"
    groups.write_text(GROUPS, encoding="utf-8")
    with ExitStack() as stack:
        spin = ["nice", "-n", "5", sys.executable, PROGRAMS / "spin.py", "0"]
        spinner = stack.enter_context(subprocess.Popen(spin, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        stack.callback(spinner.kill)
        assert spinner.stdout is not None
        spinner.stdout.readline()
        four = ["nice", "-n", "5", sys.executable, PROGRAMS / "gil.py", "four", str(PATIENCE_S * 3)]
        pool = stack.enter_context(subprocess.Popen(four, stdout=subprocess.PIPE))
        stack.callback(pool.kill)
        ran_before_s = run_s(spinner.pid)
        exporter = exporting("--listen", "127.0.0.1:0", "--groups", str(groups))
        _, url = stack.enter_context(exporter)
        target = url.removeprefix("http://").removesuffix("/metrics")
        query = stack.enter_context(prometheus(tmp_path, target))

        assert value(until(query, f'up{{instance="{target}"}}')) == 1.0
        assert until(query, 'threadtop_cpu_seconds_total{group="spinner"} > 2')
        assert until(query, 'sum(rate(threadtop_cpu_seconds_total{group="spinner"}[5s])) > 0')
        # Where others want the CPUs as well, who waits for a GIL may be found to want a CPU: no rule is sure to fire.
        assert until(query, 'threadtop_gil_watched_processes{group="pool", grade="exact"} >= 1')
        wanted = 'sum({__name__=~"threadtop_(cpu|run_queue)_seconds_total", group="spinner"})'
        holds = 'sum(threadtop_gil_held_seconds_total{group="pool"})'
        cores, held = per_second(query, wanted, holds)
        assert cores == pytest.approx(1.0, abs=0.1)
        assert held == pytest.approx(1.0, abs=0.3)

        counted_s = value(query('sum(threadtop_cpu_seconds_total{group="spinner"})'))
        assert 2 < counted_s <= run_s(spinner.pid) - ran_before_s + 0.5

        assert not query('{__name__=~"threadtop_.*_created"}')
        [build] = until(query, "threadtop_build_info")
        assert build["metric"]["version"]
        assert value(query("threadtop_pass_age_seconds")) < PATIENCE_S
        metadata = f"http://{target}/metrics"
        asks = urllib.request.Request(metadata, headers={"Accept": "application/openmetrics-text"})
        with urllib.request.urlopen(asks, timeout=PATIENCE_S) as answer:  # noqa: S310 on the loopback
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")


@pytest.mark.skipif(shutil.which("prometheus-node-exporter") is None, reason="needs prometheus-node-exporter (Debian)")
def test_node_exporter_serves_the_file(tmp_path: Path) -> None:
    """The real node_exporter reads the file without an error, and serves what is in it, counters as counters."""
    with ExitStack() as stack:
        stack.enter_context(exporting("--textfile", str(tmp_path / "threadtop.prom"), at="writes"))
        port = free_port()
        command = [
            "prometheus-node-exporter",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={tmp_path}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        stack.callback(process.kill)
        deadline = time.monotonic() + PATIENCE_S
        body = ""
        while "threadtop_pass_interval_seconds" not in body and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
                    body = answer.read().decode()
            except urllib.error.URLError:
                time.sleep(0.1)
    assert "node_textfile_scrape_error 0" in body
    assert "# TYPE threadtop_cpu_seconds_total counter" in body
    assert 'threadtop_threads{group="' in body


def test_promtool_checks_what_is_served() -> None:
    """A scrape of this machine passes the real linter."""
    with exporting("--listen", "127.0.0.1:0") as (_, url):
        deadline = time.monotonic() + PATIENCE_S
        body = b""
        while b"threadtop_pass_interval_seconds" not in body and time.monotonic() < deadline:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 on the loopback
                body = answer.read()
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
