#!/usr/bin/env python3
"""Runs a command with TEST_MILVUS_URL naming a Milvus server, in which it may make and drop collections.

  scripts/with-milvus.py COMMAND [ARGUMENT]...

If the variable is set already, that server is used. Otherwise one is installed (PyPI package milvus, for Linux on x86_64)
and started with empty folders; it is killed when the command has ended, however it ends.

Milvus listens on all addresses of the machine, without a password. So it runs in a network of its own, which has nothing
but loopback, and this program passes connections on to it from a free port of the machine's loopback. That needs root, or
a system that lets users make namespaces.
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
import zipfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
TOOL = SCRIPTS.parent / "target/tools/milvus-2.3.5"
PORT = 19530

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


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
        zipfile.ZipFile(wheel).extractall(Path(folder, "unpacked"))
        Path(folder, "unpacked").rename(TOOL)


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


def run(command, environment):
    """Runs the command in the network of the machine; gives its exit status."""
    return subprocess.run(command, env=environment).returncode


def main():
    command = sys.argv[1:]
    if not command:
        sys.exit(__doc__)
    if os.environ.get("TEST_MILVUS_URL"):
        os.execvp(command[0], command)
    install()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"milvus://127.0.0.1:{listener.getsockname()[1]}"
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
        sys.exit(run(command, {**os.environ, "TEST_MILVUS_URL": url}))
    finally:
        # Milvus does not end when it is asked to; its folders are gone when it is waited for.
        os.killpg(server, signal.SIGTERM)
        os.waitpid(server, 0)


def serve(listener, tell):
    """Runs Milvus until this process is asked to end."""
    enter_own_network()
    sys.path.insert(0, str(TOOL))
    from milvus import MilvusServer, MilvusServerConfig

    with tempfile.TemporaryDirectory(prefix="vultus-milvus.", ignore_cleanup_errors=True) as folder:
        config = MilvusServerConfig(data_dir=folder)
        config.set("log.level", "warn")
        milvus = MilvusServer(config)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            milvus.start()
            os.write(tell, b"!")
            pass_on(listener)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            milvus.server_proc.kill()
            milvus.server_proc.wait()


if __name__ == "__main__":
    main()
