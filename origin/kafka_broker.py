"""A real Kafka broker of one node on this machine, for tests, trials and fault scripts; nothing for production.

Needs Java 17 and, once, Maven to fetch the broker's jars (``deploy/kafka/pom.xml``) into ``.build/kafka/lib``.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from origin.children import Child
from shared.errors import Unavailable

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = "doorstepdoorstepdoorsw"
"""Any UUID in 22 characters of base64; storage remembers it."""


class KafkaBroker:
    """Broker and controller in one process, on loopback. What is in ``folder`` outlives it, also a SIGKILL.

    ``more`` are further entries of its ``server.properties``.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        controller_port: int,
        *,
        environ: Mapping[str, str],
        heap_mb: int = 256,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.bootstrap = f"127.0.0.1:{port}"
        self._folder = folder.resolve()
        self._config = self._folder / "server.properties"
        self._properties = _properties(self._folder / "data", port, controller_port) | dict(more or {})
        self._environ = environ
        self._heap = f"-Xmx{heap_mb}m"
        self.child: Child | None = None

    def start(self, patience_s: float = 60) -> None:
        """Format the storage if it is new, start, and wait until it answers. Raises :class:`Unavailable`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text("".join(f"{name}={value}\n" for name, value in self._properties.items()))
        java = [_program("java", self._environ), self._heap, "-cp", f"{fetch_jars(self._environ)}/*"]
        log = self._folder / "broker.log"
        if not (self._folder / "data" / "meta.properties").exists():
            tool = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", str(self._config)]
            _run([*java, *tool], self._environ, "the broker's storage cannot be formatted")
        self.child = Child("kafka", [*java, "kafka.Kafka", str(self._config)], env=self._environ, cwd=ROOT, log=log)
        self.child.start()
        if not self._answers(patience_s):
            self.stop()
            raise Unavailable("kafka_did_not_start", f"Kafka did not start:\n{self.child.last_words()}")

    def stop(self) -> None:
        """Stop it in good order."""
        if self.child:
            self.child.stop(patience_s=20)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.child and self.child.pid and self.child.exit_code is None:
            os.kill(self.child.pid, signal.SIGKILL)
            self.child.stop()

    def _answers(self, patience_s: float) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        end = time.monotonic() + patience_s
        # Its complaints that nobody answers yet would go to standard error.
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
        while self.child and self.child.exit_code is None and time.monotonic() < end:
            with contextlib.suppress(KafkaException):
                if admin.list_topics(timeout=1).brokers:
                    return True
        return False


def fetch_jars(environ: Mapping[str, str]) -> Path:
    """The folder of the broker's jars; fetched by Maven if they are not there or not those that the pom names."""
    lib, pom, stamp = ROOT / ".build/kafka/lib", ROOT / "deploy/kafka/pom.xml", ROOT / ".build/kafka/pom.xml"
    if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
        shutil.rmtree(lib, ignore_errors=True)
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={lib}", "-DincludeScope=runtime"]
        command = [_program("mvn", environ), "--quiet", "--batch-mode", "--file", str(pom), *goal]
        _run(command, environ, "the broker's jars cannot be fetched")
        shutil.copyfile(pom, stamp)
    return lib


def _properties(data: Path, port: int, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "1500",  # so long a broker that was killed keeps its successor waiting
        "broker.heartbeat.interval.ms": "500",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }


def _program(name: str, environ: Mapping[str, str]) -> str:
    found = shutil.which(name, path=environ.get("PATH"))
    if not found:
        raise Unavailable("program_missing", f"{name} is not installed; the Kafka broker needs Java 17 and Maven")
    return found


def _run(command: list[str], environ: Mapping[str, str], failure: str) -> None:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("kafka_did_not_start", f"{failure}:\n{(done.stdout + done.stderr)[-2000:]}")


def main() -> None:
    """Run a broker until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m origin.kafka_broker", description=main.__doc__)
    parser.add_argument("--port", type=int, default=9092, help="default: %(default)s")
    parser.add_argument("--controller-port", type=int, default=9093, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=Path(".doorstep/kafka"), help="default: %(default)s")
    asked = parser.parse_args()
    broker = KafkaBroker(asked.folder, asked.port, asked.controller_port, environ=os.environ)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        broker.start()
        print(f"DOORSTEP_KAFKA_BOOTSTRAP={broker.bootstrap}", flush=True)
        while not stopped.wait(1) and broker.child and broker.child.exit_code is None:
            pass
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
