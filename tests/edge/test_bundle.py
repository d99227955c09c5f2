"""The bundle: what may be in it, what it needs at run time, and that wrangler takes it as it is."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from origin.commands.build_edge import ROOT, build, popular_list
from origin.node import command, with_node
from shared.errors import BadInput, BadModel, NotInModel
from tests.edge.conftest import WORKERD, Serve, node
from tests.models import model_bytes
from tests.processes import free_port, running

WRANGLER = ROOT / "wrangler" / "node_modules" / "wrangler" / "bin" / "wrangler.js"
MAX_UPLOAD_BYTES = 64 * 2**20
DOOR = "/v1/test/python"

# Every module that Python can reach after the restore must be in the snapshot: there is no standard library to load
# another from. Each of these lines took a path that imports late, in some version of Python or of ours.
ERROR_PATHS = """
import base64, io, json, sys, traceback
from edge.profiles import _decode
from edge.tracing import start_span
from edge.worker import open_worker
from shared import visitor
from shared.context import device_of, is_bot
from shared.errors import BadModel
from shared.model import open_model
from shared.events import Context, Event, from_record, read_batch, read_body, to_record
from shared.profile import EMPTY, fold, from_blob, merge, to_blob
from shared.rules import read_rules

def survives(act):
    try:
        return act()
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        traceback.TracebackException.from_exception(error, capture_locals=True)
        assert "ModuleNotFoundError" not in text and "ImportError" not in text, text
        return text

event = Event("e", "v", "view", 1_763_700_000_000, "i", {"category": "c"})
before = set(sys.modules)
told = [survives(act) for act in (
    lambda: json.loads("{"),
    lambda: json.loads(b"\\xff\\xfe"),
    lambda: json.dumps(object()),
    lambda: "\\ud800".encode(),
    lambda: b"\\xff".decode(),
    lambda: "é".encode("ascii"),
    lambda: "é".encode("latin-1"),
    lambda: "bücher.example".encode("idna"),
    lambda: "{".format(),
    lambda: "%d" % "x",
    lambda: int("x"),
    lambda: open_model(b""),
    lambda: open_model(bytes(64)),
    lambda: open_model(b"DOORSTEP\\x01" + bytes(55)),
    lambda: read_rules("{}"),
    lambda: read_rules("["),
    lambda: open_worker('{"DOORSTEP_REFRESH_S": "soon"}'),
    lambda: open_worker("["),
    lambda: open_worker('{"DOORSTEP_CONSENT": "maybe"}'),
    lambda: from_blob(b"\\xc1"),
    lambda: from_blob(to_blob(fold(EMPTY, event))),
    lambda: merge(fold(EMPTY, event), EMPTY),
    lambda: from_record(b"\\x93"),
    lambda: from_record(to_record(event)),
    lambda: to_record(event._replace(details={"x": object()})),
    lambda: to_record(event._replace(time_ms=1 << 80)),
    lambda: _decode("?"),
    lambda: _decode("AAAA"),
    lambda: base64.b64decode("é"),
    lambda: visitor.verify("secret", "a.b"),
    lambda: visitor.verify("secret", visitor.sign("secret", "\\xe9~,")),
    lambda: visitor.derive("secret", "\\ud800", session=True),
    lambda: visitor.edge_token("x" * 200),
    lambda: device_of("Mozilla/5.0 (iPad)") + str(is_bot("bot")),
    lambda: start_span("", 1.0, lambda bits: bits),
    lambda: read_body("[" * 1000),
    lambda: read_batch({"events": [{"id": "\\ud800"}, 7]}, visitor="v", context=Context(), now_ms=1),
    lambda: [].x,
    lambda: {}["x"],
    lambda: undefined_name,
    lambda: exec("1 +"),
    lambda: (_ for _ in ()).throw(ExceptionGroup("several", [ValueError(1), KeyError(2)])),
    lambda: sys.setrecursionlimit(1),
    lambda: bytearray(1 << 40),
)]
print(repr(told[0]), file=sys.stderr)
sorted(set(sys.modules) - before)
"""


def test_nothing_is_imported_late(bundle: Path, serve: Serve) -> None:
    edge = serve(bundle)
    with httpx.Client(base_url=edge.url) as client:
        loaded = json.loads(client.post(DOOR, content="import json, sys; json.dumps(sorted(sys.modules))").text)
        for target in ("/v1/recommend?n=0", "/v1/recommend?items=%FF", "/v1/recommend?filter=x", "/v1/nothing",
                       "/v1/recommend?filter=price%3C5&exclude=a", "/readyz", "/v1/recommend?slot=%00"):  # fmt: skip
            assert client.get(target, headers={"cookie": "doorstep=%FF; x"}).status_code < 600
        answer = client.post(DOOR, content=ERROR_PATHS)
        assert (answer.status_code, answer.text) == (200, "[]"), answer.text + edge.process.output()
        after = json.loads(client.post(DOOR, content="import json, sys; json.dumps(sorted(sys.modules))").text)
    assert after == loaded
    assert "Expecting property name" in edge.process.output()


def test_the_standard_library_is_not_there(bundle: Path, serve: Serve) -> None:
    """Else the test above proves nothing."""
    edge = serve(bundle)
    assert httpx.post(edge.url + DOOR, content="import smtplib").status_code == 503
    assert "No module named 'smtplib'" in edge.process.output()


def test_isolate_fits_its_memory(built: Callable[..., Path], serve: Serve, tmp_path: Path) -> None:
    """V8 itself refuses more than 32 MiB of JavaScript heap and 700 pages (44 MiB) of linear memory."""
    model = tmp_path / "model.bin"
    model.write_bytes(model_bytes(items=20_000, neighbours=20))
    limits = ["--max-old-space-size=32", "--wasm-max-mem-pages=700"]
    edge = serve(built("small", model=model, v8_flags=limits))
    with httpx.Client(base_url=edge.url) as client:
        for n in range(300):
            answer = client.get(f"/v1/recommend?n=100&slot=s{n}&filter=price%3C{n}")
            assert (answer.status_code, answer.headers["doorstep-layer"]) == (200, "edge")


def test_memory_limit_bites(built: Callable[..., Path], serve: Serve, model_file: Path) -> None:
    """Else the test above proves nothing: with 400 pages there is no Python, and the popular list answers."""
    edge = serve(built("tight", model=model_file, v8_flags=["--wasm-max-mem-pages=400"]))
    answer = httpx.get(f"{edge.url}/v1/recommend?n=3")
    assert (answer.status_code, answer.headers["doorstep-layer"]) == (200, "popular")


def test_second_build_reuses_the_snapshot(built: Callable[..., Path], model_file: Path, bundle: Path) -> None:
    again = built("again", model=model_file)
    same = [(folder / "worker" / "snapshot.bin").read_bytes() for folder in (bundle, again)]
    assert same[0] == same[1]


def test_model_and_rules_are_checked(tmp_path: Path) -> None:
    with pytest.raises(BadModel):
        popular_list(model_bytes()[:-1], "")
    with pytest.raises(BadInput):
        popular_list(model_bytes(), "{}")
    with pytest.raises(NotInModel):
        popular_list(model_bytes(), '{"version": "1", "slots": {"home": {"filter": "colour=red"}}}')


def test_without_a_model_the_worker_still_starts(built: Callable[..., Path], serve: Serve) -> None:
    edge = serve(built("bare"))
    assert httpx.get(f"{edge.url}/healthz").json()["model"] is None
    assert httpx.get(f"{edge.url}/v1/recommend").status_code == 200


def test_a_corrupt_model_is_refused_and_the_popular_list_serves(bundle: Path, serve: Serve, tmp_path: Path) -> None:
    """Bytes that rot after the build: the worker starts, says so, and answers."""
    rotten = tmp_path / "rotten"
    shutil.copytree(bundle, rotten)
    model = rotten / "worker" / "model.bin"
    model.write_bytes(b"X" + model.read_bytes()[1:])
    compiled = subprocess.run([str(WORKERD), "compile", "--config-only", "workerd.capnp"], cwd=rotten,
                              capture_output=True, check=True)  # fmt: skip
    (rotten / "workerd.bin").write_bytes(compiled.stdout)
    edge = serve(rotten)
    answer = httpx.get(f"{edge.url}/v1/recommend?n=3")
    assert (answer.status_code, answer.headers["doorstep-layer"], len(answer.json()["items"])) == (200, "popular", 3)
    assert "model_not_ours" in edge.process.output()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("let n = 0; export function top(): i32 { return ++n; } export function select(): void {}", "(global"),
        ("export function top(): usize { return changetype<usize>('x'); } export function select(): void {}", "(data"),
        ("export function top(): i32 { return memory.grow(1); } export function select(): void {}", "memory.grow"),
        ("export function top(): i32 { return load<i32>(0); }", "the kernel exports find, show, top"),
        ("export function top(", "does not compile"),
    ],
)
def test_a_kernel_that_would_overwrite_python_is_refused(
    bundle: Path, tmp_path: Path, source: str, complaint: str
) -> None:
    (tmp_path / "kernel.ts").write_text(source)
    shutil.copy(ROOT / "edge" / "kernel" / "text.ts", tmp_path)
    script = tmp_path / "compile.mjs"
    builder = (ROOT / "wrangler" / "build" / "kernel.mjs").as_uri()
    script.write_text(f"import {{ buildKernel }} from {builder!r}; await buildKernel(process.argv[2]);")
    done = node(str(script), str(tmp_path))
    assert done.returncode
    assert complaint in done.stderr


@pytest.fixture
def shipped(tmp_path: Path, model_file: Path, bundle: Path) -> Iterator[Path]:
    """A folder with the real bundle, without the tests' doors, and wrangler's configuration for it."""
    if not WRANGLER.exists():
        pytest.fail("wrangler is missing") if os.environ.get("CI") else pytest.skip("wrangler is missing: make setup")
    build(tmp_path / ".build" / "edge", model=model_file)
    (tmp_path / "wrangler").mkdir()
    config = (ROOT / "wrangler" / "wrangler.jsonc").read_text()
    (tmp_path / "wrangler" / "wrangler.jsonc").write_text(config)
    return tmp_path / "wrangler"


OFFLINE = {"WRANGLER_SEND_METRICS": "false", "CI": "true", "DO_NOT_TRACK": "1"}


def test_wrangler_deploy_dry_run(shipped: Path) -> None:
    out = shipped / "dist"
    wrangler = [*command("node", os.environ), str(WRANGLER), "deploy", "--dry-run", "--outdir", str(out)]
    done = subprocess.run(wrangler, cwd=shipped, env=with_node({**os.environ, **OFFLINE}),
                          capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    modules = {path.name for path in (shipped.parent / ".build" / "edge" / "worker").iterdir()}
    assert not any("selftest" in name or name == "worker.mjs" for name in modules)
    total = re.search(r"Total Upload: ([\d.]+) KiB", done.stdout)
    assert total
    assert float(total[1]) * 1024 < MAX_UPLOAD_BYTES


def test_wrangler_dev(shipped: Path, tmp_path: Path) -> None:
    port = free_port()
    wrangler = [*command("node", os.environ), str(WRANGLER), "dev", "--ip", "127.0.0.1", "--port", str(port),
                "--inspector-port", str(free_port()), "--show-interactive-dev-session=false",
                "--cwd", str(shipped), "--var", "DOORSTEP_DEMO:1"]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    env = with_node({**os.environ, **OFFLINE, "HOME": str(tmp_path)})
    with running(wrangler, env=env, log=tmp_path / "wrangler.log", ready=f"{url}/healthz"):
        assert httpx.get(f"{url}/healthz").json()["platform"] == "emscripten"
        assert httpx.get(f"{url}/v1/recommend?n=4").headers["doorstep-layer"] == "edge"
        assert httpx.get(url).headers["content-type"].startswith("text/html")
