#!/usr/bin/env python3
"""Sends thousands of right and wrong requests to a server, and compares its answers with openapi.json.

  scripts/schemathesis.py [OPTION OF `schemathesis run`]...

Installs schemathesis (PyPI, pinned in schemathesis.txt) once. Starts target/debug/vultus with an empty data directory on a free
port of the loopback interface, and stops it at the end. The requests are the same in each run. Needs Python 3.11 and the models
(VULTUS_MODELS_DIR, or target/models).
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "scripts/schemathesis.txt"
TOOL = ROOT / "target/tools/schemathesis-4.32.5"
MODELS = os.environ.get("VULTUS_MODELS_DIR", ROOT / "target/models")
START_SECONDS = 60
# Test cases for each operation and phase. Chains of calls have a number of their own (schemathesis.toml).
MAX_EXAMPLES = 25


def install():
    """Makes the pinned environment, once."""
    if TOOL.exists():
        return
    TOOL.parent.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    pip += ["--only-binary=:all:", "--requirement", REQUIREMENTS]
    with tempfile.TemporaryDirectory(dir=TOOL.parent) as folder:
        if subprocess.run([*pip, "--target", f"{folder}/tool"]).returncode != 0:
            sys.exit("schemathesis: it cannot be installed: see the message of pip")
        Path(folder, "tool").rename(TOOL)


def start(folder):
    """Starts the server. Gives its process, its address and an API key."""
    program = [ROOT / "target/debug/vultus", "serve", "--listen", "127.0.0.1:0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
    environment |= {"VULTUS_DATA_DIR": f"{folder}/data", "VULTUS_MODELS_DIR": str(MODELS), "NO_COLOR": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    server = subprocess.Popen(program, cwd=folder, env=environment, **pipes)
    key = find(server.stdout, r"^\s*(vultus_\S+)$")
    address = find(server.stderr, r"address=(\S+)")
    for pipe in (server.stdout, server.stderr):
        threading.Thread(target=pipe.read, daemon=True).start()
    return server, f"http://{address}", key


def find(lines, pattern):
    for line in lines:
        if found := re.search(pattern, line):
            return found[1]
    sys.exit("schemathesis: the server does not start")


def wait(url):
    """Waits until the server is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/readyz").close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    sys.exit("schemathesis: the server is not ready in time")


def main():
    install()
    with tempfile.TemporaryDirectory(prefix="vultus-schemathesis.") as folder:
        server, url, key = start(folder)
        try:
            wait(url)
            command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
            command += ["--config-file", ROOT / "scripts/schemathesis.toml", "run", ROOT / "openapi.json", "--checks", "all"]
            command += ["--url", url, "--header", f"x-api-key: {key}", "--max-examples", str(MAX_EXAMPLES), *sys.argv[1:]]
            environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            environment |= {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": f"{TOOL}:{ROOT}/scripts"}
            done = subprocess.run(command, cwd=folder, env=environment)
            if server.poll() is not None:
                sys.exit(f"schemathesis: the server has ended ({server.returncode})")
            sys.exit(done.returncode)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
